/*
 * The USB drivers against a model of a controller: one that works, one that does nothing, and ones
 * that do what they like. Time is the test's own; the sanitizers and the account of pages see what
 * goes wrong.
 */
#include "tests/unit/mm_host.h"

#include "arch/x86_64/dev/io.h"
#include "kernel/lib/bitmap.c"
#include "kernel/sched/wait_queue.h"
#include "kernel/time/timer.h"

static u32 model_read(const volatile u8 *at);
static void model_write(volatile u8 *at, u32 v);
static u64 now;

#define mmio_read32(p)     model_read(p)
#define mmio_write32(p, v) model_write(p, v)
#undef wait_event_until
#define wait_event_until(q, cond, until) ((void)(q), now = MAX(now, (until)))
#define wake_up_all(q)                   ((void)(q))

/* Thousands of lines. */
static void quiet(const char *fmt, ...)
{
	(void)fmt;
}
#define pr_info quiet
#define pr_warn quiet
#define pr_err  quiet

#include "arch/x86_64/dev/usb/descriptor.c"
#undef CONFIGURATION
#include "arch/x86_64/dev/usb/hid.c"
#include "arch/x86_64/dev/usb/xhci.c"
#include "arch/x86_64/dev/usb/xhci_start.c"
#include "arch/x86_64/dev/usb/hub.c"
#include "arch/x86_64/dev/usb/usb.c"

#define PORTS   4
#define OP      0x40
#define RUNTIME 0x600
#define BELLS   0x800
#define SIZE    0x1000

#define EXTENDED 0xf00

static u32 regs[SIZE / 4];  /* as they read */
static bool started;        /* the driver */
static u32 malice;          /* per cent: how often it does something else than it should */
static u32 nr_hubs;         /* slots from 1 that are hubs, each with one port, in a row */
static bool firmware_stays; /* and does not let go of the controller */
static bool mice;           /* what is plugged in is no keyboard */
static bool silent;         /* no command is ever answered */
static u8 next_slot;
static struct xhci_ring events, commands, ring[XHCI_MAX_SLOTS + 1][2]; /* as the model reads them */
static u64 setup[XHCI_MAX_SLOTS + 1];
static char typed[256];
static size_t nr_typed;

/* ---- what the drivers call ---- */

u64 ktime_get(void)
{
	return now += 1000;
}
void sleep_ns(u64 ns)
{
	now += ns;
}
void *kzalloc(size_t size)
{
	void *p = kmalloc(size);

	return p ? memset(p, 0, size) : NULL;
}
void irq_eoi(u8 irq)
{
	(void)irq;
}
void irq_set_handler(u8 vector, irq_handler_t fn)
{
	(void)vector, (void)fn;
}
void pci_foreach(void (*fn)(const struct pci_function *f, void *arg), void *arg)
{
	fn(&(struct pci_function){.class = XHCI_CLASS}, arg);
}
u32 pci_read(const struct pci_function *f, u16 offset)
{
	(void)f, (void)offset;
	return 0;
}
void pci_write(const struct pci_function *f, u16 offset, u32 value)
{
	(void)f, (void)offset, (void)value;
}
phys_addr_t pci_memory_bar(const struct pci_function *f, u32 bar, u64 *size)
{
	(void)f, (void)bar;
	*size = SIZE;
	return 0xfe000000;
}
void pci_enable(const struct pci_function *f)
{
	(void)f;
}
bool pci_use_msi(const struct pci_function *f, u8 vector)
{
	(void)f, (void)vector;
	return false;
}
void *arch_map_device(phys_addr_t pa, size_t size)
{
	(void)pa, (void)size;
	return regs;
}
void arch_console_refresh(void)
{
}
void keyboard_code(struct keymap *k, u8 code)
{
	(void)k;
	typed[nr_typed++ % sizeof(typed)] = (char)code;
}
/* ---- the model ---- */

static bool evil(void)
{
	return host_random_below(100) < malice;
}

static u32 *reg(u32 offset)
{
	return &regs[offset / 4];
}

static void tell(u64 parameter, u32 status, u32 control)
{
	struct xhci_trb *t = &events.trbs[events.at];

	if (!events.trbs)
		return;
	if (evil()) {
		parameter = host_random();
		control = (u32)host_random();
	}
	*t = (struct xhci_trb){parameter, evil() ? (u32)host_random() : status,
			       (control & ~TRB_CYCLE) | events.cycle};
	if (++events.at == RING_TRBS) {
		events.at = 0;
		events.cycle = !events.cycle;
	}
}

/* The next block that is valid, or NULL. */
static struct xhci_trb *take(struct xhci_ring *r)
{
	struct xhci_trb *t = r->trbs ? &r->trbs[r->at] : NULL;

	if (t && (t->control & TRB_CYCLE) == r->cycle && (t->control >> 10 & 63) == TRB_LINK) {
		r->cycle ^= t->control & TRB_TOGGLE ? 1 : 0;
		r->at = 0;
		t = &r->trbs[0];
	}
	if (!t || (t->control & TRB_CYCLE) != r->cycle)
		return NULL;
	r->at++;
	return t;
}

/* With registers that lie, other numbers than addresses are written to them. */
static bool is_page(u64 pa)
{
	return PFN(pa) < ARENA_PAGES && refcount_read(&phys_to_page(pa)->count);
}

static void aim(struct xhci_ring *r, u64 pa)
{
	char *va = phys_to_virt(pa & ~15UL);

	if (!is_page(pa))
		return;
	r->trbs = phys_to_virt(pa & PAGE_MASK);
	r->at = (u32)((va - (char *)r->trbs) / sizeof(struct xhci_trb));
	r->cycle = pa & 1;
}

static void answer_command(struct xhci_trb *t)
{
	u32 type = t->control >> 10 & 63, endpoint = t->control >> 16 & 31;
	u8 slot = t->control >> 24;

	if (silent || evil())
		return;
	if (type == TRB_DISABLE_SLOT)
		memset(ring[slot], 0, sizeof(ring[slot]));
	if (type == TRB_ENABLE_SLOT)
		slot = evil() ? (u8)host_random_below(6) : next_slot++ % 32 + 1;
	if (type == TRB_ADDRESS_DEVICE || type == TRB_CONFIGURE_ENDPOINT) {
		const u64 *input = phys_to_virt(t->parameter); /* contexts of 32 bytes */

		for (u32 e = 1; e < 32; e++)
			if ((u32)(input[0] >> 32) & 1u << e)
				aim(&ring[slot][e > 1], input[(e + 1) * 4 + 1]);
	}
	if (type == TRB_SET_DEQUEUE)
		aim(&ring[slot][endpoint > 1], t->parameter);
	tell(virt_to_phys(t), (u32)CODE_SUCCESS << 24,
	     TRB_TYPE(TRB_COMMAND_EVENT) | TRB_SLOT(slot));
}

static const u8 keyboard[] = {
	9, 2, 34,   0,    1, 1, 0, 0xa0, 50, 9, 4, 0, 0,    1, 3, 1, 1,
	0, 9, 0x21, 0x11, 1, 0, 1, 0x22, 63, 0, 7, 5, 0x81, 3, 8, 0, 10,
};

static const u8 hub[] = {9, 2, 25, 0, 1, 1, 0, 0xe0, 0, 9, 4, 0, 0,
			 1, 9, 0,  0, 0, 7, 5, 0x81, 3, 2, 0, 12};

/* The port's status: a device that has just been reset; the last one is slow. */
static void answer_port(u8 slot, u8 *data)
{
	u32 status = CONNECTED | ENABLED | CHANGE_RESET | (slot < nr_hubs ? HIGH_SPEED : LOW_SPEED);

	memcpy(data, &status, sizeof(status));
}

/* A hub or a keyboard; with malice, anything. */
static void answer_setup(u8 slot, u8 *data, size_t len)
{
	u8 request = setup[slot] >> 8, which = setup[slot] >> 24 & 0xff;
	bool is_hub = slot <= nr_hubs;

	if (request == GET_DESCRIPTOR && which == 1) {
		data[0] = 18;
		data[7] = 8;
	} else if (request == GET_DESCRIPTOR && which == 2) {
		memcpy(data, is_hub ? hub : keyboard,
		       MIN(len, is_hub ? sizeof(hub) : sizeof(keyboard)));
		if (mice && len > 16)
			data[16] = 2;
	} else if (request == GET_DESCRIPTOR && which == 0x29) {
		data[2] = 1;
	} else if (request == GET_STATUS && len == 4) {
		answer_port(slot, data);
	} else if (evil()) {
		for (size_t i = 0; i < len; i++)
			data[i] = (u8)host_random();
	}
	if (evil() && len)
		data[host_random_below(len)] = (u8)host_random();
}

static void run_control(u8 slot)
{
	struct xhci_trb *t;

	while ((t = take(&ring[slot][0]))) {
		u32 type = t->control >> 10 & 63;

		if (type == TRB_SETUP)
			setup[slot] = t->parameter;
		if (type == TRB_DATA && (t->control & TRB_IN))
			answer_setup(slot, phys_to_virt(t->parameter), t->status & 0xffff);
		if (evil())
			tell(virt_to_phys(t), (u32)(host_random() & 31) << 24,
			     TRB_TYPE(TRB_TRANSFER_EVENT) | TRB_SLOT(slot) | TRB_ENDPOINT(1));
		else if (type == TRB_STATUS && !evil())
			tell(virt_to_phys(t), (u32)CODE_SUCCESS << 24,
			     TRB_TYPE(TRB_TRANSFER_EVENT) | TRB_SLOT(slot) | TRB_ENDPOINT(1));
	}
}

/* All keyboards send this. */
static void send_report(u8 slot, const u8 *report, size_t len)
{
	struct xhci_trb *t = take(&ring[slot][1]);

	if (!t)
		return;
	memcpy(phys_to_virt(t->parameter), report, MIN(len, t->status));
	tell(virt_to_phys(t), (u32)CODE_SHORT << 24 | (t->status - MIN(len, t->status)),
	     TRB_TYPE(TRB_TRANSFER_EVENT) | TRB_SLOT(slot) | TRB_ENDPOINT(3));
}

static void plug_in(u32 port, u32 status)
{
	u32 *r = reg(OP + OP_PORT(port));

	*r = PORT_C_CONNECT | PORT_POWER | status;
	tell((u64)port << 24, (u32)CODE_SUCCESS << 24, TRB_TYPE(TRB_PORT_EVENT));
}

static void plug(u32 port, bool in)
{
	plug_in(port, in ? PORT_CONNECTED | (evil() ? USB_HIGH : USB_FULL) << 10 : 0);
}

static void write_port(u32 *r, u32 v)
{
	*r &= ~(v & PORT_CHANGES);
	if (v & PORT_RESET)
		*r |= PORT_C_RESET | (*r & PORT_CONNECTED ? PORT_ENABLED : 0);
}

static void write_legacy(u32 v)
{
	*reg(EXTENDED) = firmware_stays ? v : v & ~LEGACY_BIOS_OWNED;
}

static void write_command(u32 v)
{
	*reg(OP + OP_COMMAND) = v & ~COMMAND_RESET;
	*reg(OP + OP_STATUS) = v & COMMAND_RUN ? 0 : STATUS_HALTED;
}

static u32 model_read(const volatile u8 *at)
{
	size_t offset = (size_t)(at - (u8 *)regs);

	if (offset + 4 > SIZE || offset % 4)
		abort();
	return malice && host_random_below(10000) < malice ? (u32)host_random() : regs[offset / 4];
}

static void model_write(volatile u8 *at, u32 v)
{
	size_t offset = (size_t)(at - (u8 *)regs);
	struct xhci_trb *t;

	if (offset + 4 > SIZE || offset % 4)
		abort();
	if (offset == OP + OP_COMMAND)
		write_command(v);
	else if (offset == EXTENDED)
		write_legacy(v);
	else if (offset == EXTENDED + LEGACY_CONTROL)
		*reg(EXTENDED + LEGACY_CONTROL) = v & ~LEGACY_SMI_EVENTS;
	else if (offset >= OP + OP_PORT(1) && offset < OP + OP_PORT(PORTS + 1))
		write_port(&regs[offset / 4], v);
	else if (offset == OP + OP_RING && (v & RING_ABORT))
		*reg(OP + OP_RING) = silent ? RING_RUNNING : 0;
	else if (offset == OP + OP_RING)
		aim(&commands, v);
	else if (offset == RUNTIME + RUN_TABLE && v % PAGE_SIZE == 0 && is_page(v))
		events = (struct xhci_ring){.trbs = phys_to_virt(*(u64 *)phys_to_virt(v)),
					    .cycle = true};
	else if (offset == BELLS)
		while ((t = take(&commands))) {
			*reg(OP + OP_RING) = RING_RUNNING;
			answer_command(t);
		}
	else if (offset > BELLS && v == EP_CONTROL)
		run_control((u8)((offset - BELLS) / 4));
}

/* It does not reach memory any more. */
void pci_disable(const struct pci_function *f)
{
	(void)f;
	memset(ring, 0, sizeof(ring));
	events = commands = (struct xhci_ring){};
}

/* ---- tests ---- */

static void begin_model(u32 percent)
{
	malice = 0;
	memset(regs, 0, sizeof(regs));
	memset(ring, 0, sizeof(ring));
	memset(controllers, 0, sizeof(controllers));
	events = commands = (struct xhci_ring){};
	nr_controllers = nr_keyboards = 0;
	nr_typed = 0;
	next_slot = 0;
	silent = firmware_stays = mice = false;
	nr_hubs = 0;
	*reg(CAP_LENGTH) = 0x01000000 | OP;
	*reg(CAP_STRUCTURE1) = PORTS << 24 | 32;
	*reg(CAP_STRUCTURE2) = 3u << 27; /* pages of its own */
	*reg(CAP_CAPS1) = EXTENDED / 4 << 16;
	*reg(EXTENDED) = EXT_LEGACY | LEGACY_BIOS_OWNED;
	*reg(EXTENDED + LEGACY_CONTROL) = LEGACY_SMI_ENABLE | LEGACY_SMI_EVENTS | 1u << 1;
	*reg(CAP_DOORBELLS) = BELLS;
	*reg(CAP_RUNTIME) = RUNTIME;
	*reg(OP + OP_STATUS) = STATUS_HALTED;
	*reg(OP + OP_PAGESIZE) = 1;
	arch_usb_find();
	malice = percent;
}

static void start(void)
{
	start_controller(&controllers[0], &found[0]);
	started = controllers[0].running;
}

/* The thread's rounds, until there is no news. False: there was always some. */
static bool rounds(void)
{
	for (int i = 0; i < 200; i++) {
		serve_all();
		if (!news_came())
			return true;
	}
	return false;
}

/* What is left belongs to the controller, or was freed: the account. */
static void end_model(void)
{
	struct xhci *x = &controllers[0];

	x->running = false;
	for (u32 slot = 1; slot <= XHCI_MAX_SLOTS; slot++)
		while (x->device[slot])
			detach(x->device[slot]);
	if (started) /* else the driver did */
		free_memory(x);
	CHECK_EQ(pages_out, 0);
	CHECK_EQ(objects_out, 0);
	CHECK_EQ(nr_keyboards, 0);
}

TEST(two_keyboards_of_which_one_is_unplugged)
{
	static const u8 a[8] = {0, 0, 4}, none[8] = {0};

	begin_model(0);
	plug(1, true);
	plug(3, true);
	start();
	CHECK(controllers[0].running && controllers[0].polled);
	CHECK(rounds());
	CHECK_EQ(nr_keyboards, 2);
	send_report(1, a, sizeof(a));
	CHECK(rounds());
	send_report(1, none, sizeof(none));
	CHECK(rounds());
	CHECK_EQ(nr_typed, 2);
	CHECK_EQ((u8)typed[0], 0x1e);
	CHECK_EQ((u8)typed[1], 0x9e);
	plug(1, false);
	CHECK(rounds());
	CHECK_EQ(nr_keyboards, 1);
	for (int i = 0; i < 1000; i++) { /* several times round its ring */
		send_report(2, i & 1 ? none : a, 8);
		CHECK(rounds());
	}
	CHECK_EQ(nr_typed, 1002);
	end_model();
}

/* Caps Lock does not go on and off; other keys repeat, and no more once the keyboard has gone. */
TEST(repeat)
{
	static const u8 caps[8] = {0, 0, CAPS_LOCK}, a[8] = {0, 0, 4};

	begin_model(0);
	plug(1, true);
	start();
	rounds();
	send_report(1, caps, sizeof(caps));
	rounds();
	now += NSEC_PER_SEC;
	rounds();
	CHECK_EQ(nr_typed, 1);
	send_report(1, a, sizeof(a));
	rounds();
	CHECK_EQ(nr_typed, 3);
	now += NSEC_PER_SEC;
	rounds();
	CHECK_EQ(nr_typed, 4);
	plug(1, false);
	rounds();
	now += NSEC_PER_SEC;
	rounds();
	CHECK_EQ(nr_typed, 4);
	end_model();
}

/* Fast hubs in a row, and behind the last one a slow keyboard, for which that one translates. */
TEST(hubs_behind_hubs)
{
	for (u32 n = 1; n <= 7; n++) {
		const struct usb_device *d;

		begin_model(0);
		nr_hubs = n;
		plug_in(2, PORT_CONNECTED | USB_HIGH << 10);
		start();
		CHECK(rounds());
		CHECK_EQ(nr_keyboards, n <= USB_MAX_DEPTH);
		d = controllers[0].device[n + 1];
		if (CHECK_EQ(d != NULL, n <= USB_MAX_DEPTH) && d) {
			CHECK_EQ(d->route, 0x11111 >> (20 - 4 * n));
			CHECK_EQ(d->root_port, 2);
			CHECK_EQ(d->tt_hub->slot, n);
			CHECK_EQ(d->tt_port, 1);
		}
		plug(2, false);
		CHECK(rounds());
		CHECK_EQ(nr_keyboards, 0);
		CHECK_EQ(objects_out, 0);
		end_model();
	}
}

/* A device of no use is looked at when it is plugged in, and not for each report of its port. */
TEST(a_mouse)
{
	begin_model(0);
	mice = true;
	start();
	rounds();
	plug(1, true);
	CHECK(rounds());
	CHECK_EQ(next_slot, 1);
	tell(1ul << 24, (u32)CODE_SUCCESS << 24, TRB_TYPE(TRB_PORT_EVENT));
	CHECK(rounds());
	CHECK_EQ(next_slot, 1);
	plug(1, true);
	CHECK(rounds());
	CHECK_EQ(next_slot, 2);
	CHECK_EQ(nr_keyboards, 0);
	end_model();
}

/* Its system management interrupts are off either way, and nothing else there has changed. */
TEST(firmware_that_keeps_the_controller)
{
	for (int stays = 0; stays < 2; stays++) {
		begin_model(0);
		firmware_stays = stays;
		start();
		CHECK(started);
		CHECK_EQ(*reg(EXTENDED), EXT_LEGACY | LEGACY_OS_OWNED);
		CHECK_EQ(*reg(EXTENDED + LEGACY_CONTROL), 1u << 1);
		end_model();
	}
}

TEST(a_controller_that_never_answers)
{
	u64 before = now;

	begin_model(0);
	silent = true;
	plug(1, true);
	start();
	CHECK(!controllers[0].running);
	CHECK(now - before < 5 * NSEC_PER_SEC);
	CHECK_EQ(pages_out, 0);
}

/* A device keeps commands from ending. They are aborted, and the next plug is served. */
TEST(a_controller_that_falls_silent)
{
	u64 before;

	begin_model(0);
	start();
	rounds();
	plug(1, true);
	silent = true;
	before = now;
	rounds();
	CHECK(!controllers[0].running);
	CHECK(now - before < 10 * NSEC_PER_SEC);
	end_model();
}

/* A port that fails is tried a limited number of times, whatever it reports. */
TEST(a_port_that_always_fails)
{
	begin_model(0);
	start();
	rounds();
	for (int i = 0; i < 100; i++) {
		plug(2, true);
		fail_countdown = 1; /* the device cannot be made */
		CHECK(rounds());
	}
	fail_countdown = 0;
	CHECK_EQ(controllers[0].ports[2].failures, MAX_FAILURES + 1);
	plug(3, true);
	CHECK(rounds());
	CHECK_EQ(nr_keyboards, 1);
	end_model();
}

/* Each allocation fails once. */
TEST(no_memory)
{
	for (u32 n = 1; n < 40; n++) {
		begin_model(0);
		plug(1, true);
		fail_countdown = n;
		failed = false;
		start();
		rounds();
		fail_countdown = 0;
		CHECK_EQ(nr_keyboards, !failed);
		end_model();
	}
}

/* Registers, events, answers, descriptors, ports of hubs: anything may come, in bounded time. */
TEST(malice_of_all_kinds)
{
	u32 nr_started = 0, keyboards = 0;

	for (int i = 0; i < 3000; i++) {
		u64 before = now;

		begin_model(1 + (u32)host_random_below(30));
		nr_hubs = (u32)host_random_below(8);
		start();
		CHECK(now - before < 20 * NSEC_PER_SEC);
		nr_started += started;
		for (int k = 0; k < 10 && controllers[0].running; k++) {
			u8 report[8];

			plug(1 + (u32)host_random_below(PORTS), host_random_below(3));
			for (size_t n = 0; n < 8; n++)
				report[n] = (u8)host_random();
			serve_all();
			keyboards += nr_keyboards;
			send_report(1 + (u8)host_random_below(8), report, host_random_below(9));
			serve_all();
		}
		end_model();
	}
	CHECK(nr_started > 100);
	CHECK(keyboards > 100);
}

TEST_MAIN
