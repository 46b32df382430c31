/*
 * The debug registers: SDM vol. 3B, chapter 17.2.
 *
 * A CPU loads a thread's registers when the thread goes to user mode, and leaves them there when it
 * switches to another one: a switch costs nothing, not even a test. The other thread may trap at an
 * address that is none of its own. That trap empties this CPU's registers and is forgotten.
 */
#include "arch/x86_64/cpu/debug_regs.h"

#include "arch/x86_64/arch.h"
#include "kernel/lib/atomic.h"
#include "kernel/task.h"
#include "mm/slab.h"

#define DR6_NONE     0xffff0ff0UL /* as the CPU resets it: some bits are inverted, others fixed */
#define DR7_FIXED    0x400UL
#define DR7_ENABLE   0xffUL /* a local and a global bit for each address */
#define NR_ADDRESSES 4

struct debug_regs {
	u64 address[NR_ADDRESSES];
	u64 dr7;   /* as the tracer wrote it */
	u64 stamp; /* of the last change: no two have the same */
};

static u64 last_stamp;     /* atomic */
static PER_CPU u64 loaded; /* the stamp of what this CPU's registers hold; 0: nothing */

#define DEBUG_REGISTER(n)                                                    \
	static inline void write_dr##n(u64 value)                            \
	{                                                                    \
		__asm__ volatile("mov %0, %%dr" #n ::"r"(value) : "memory"); \
	}
DEBUG_REGISTER(0)
DEBUG_REGISTER(1)
DEBUG_REGISTER(2)
DEBUG_REGISTER(3)
DEBUG_REGISTER(6)
DEBUG_REGISTER(7)

static inline u64 read_dr6(void)
{
	u64 value;

	__asm__ volatile("mov %%dr6, %0" : "=r"(value));
	return value;
}

/* ---- what the tracer reads and writes ---- */

u64 debug_reg_read(const struct task *p, u32 n)
{
	const struct debug_regs *d = p->thread.debug;

	if (n == 6)
		return p->thread.dr6 ^ DR6_NONE;
	if (!d || n == 4 || n == 5)
		return 0;
	return n == 7 ? d->dr7 : d->address[n];
}

/* Bits of DR7 for address n: is it on, what does it watch for, and how many bytes? */
static bool enabled(u64 dr7, u32 n)
{
	return dr7 >> (2 * n) & 3;
}
static u32 kind(u64 dr7, u32 n)
{
	return dr7 >> (16 + 4 * n) & 3;
}
static u64 length(u64 dr7, u32 n)
{
	static const u64 lengths[] = {1, 2, 8, 4};

	return lengths[dr7 >> (18 + 4 * n) & 3];
}

static bool valid(const struct debug_regs *d)
{
	for (u32 n = 0; n < NR_ADDRESSES; n++) {
		if (!enabled(d->dr7, n))
			continue;
		if (kind(d->dr7, n) == 2 || (kind(d->dr7, n) == 0 && length(d->dr7, n) != 1))
			return false; /* of ports; of a part of an instruction */
		if (d->address[n] % length(d->dr7, n) || d->address[n] >= TASK_SIZE)
			return false;
	}
	return true;
}

long debug_reg_write(struct task *p, u32 n, u64 value)
{
	struct debug_regs *d = p->thread.debug, changed;

	if (n == 4 || n == 5)
		return -EIO;
	if (n == 6) {
		p->thread.dr6 = value ^ DR6_NONE;
		return 0;
	}
	if (n < NR_ADDRESSES && value >= TASK_SIZE)
		return -EINVAL;
	if (!d && !value)
		return 0;
	if (!d && !(d = p->thread.debug = kzalloc(sizeof(*d))))
		return -ENOMEM;
	changed = *d;
	*(n == 7 ? &changed.dr7 : &changed.address[n]) = value;
	if (!valid(&changed))
		return -EINVAL;
	changed.stamp = __atomic_add_fetch(&last_stamp, 1, __ATOMIC_RELAXED);
	*d = changed;
	if (d->dr7 & DR7_ENABLE)
		task_set_work(p, WORK_DEBUG);
	else
		task_clear_work(p, WORK_DEBUG); /* what a CPU has loaded is stale now */
	return 0;
}

void arch_drop_breakpoints(struct task *p)
{
	task_clear_work(p, WORK_DEBUG);
	kfree(p->thread.debug);
	p->thread.debug = NULL;
	p->thread.dr6 = 0;
}

/* ---- the CPU ---- */

void debug_regs_load(void)
{
	const struct debug_regs *d = current->thread.debug;
	u64 *here = percpu(&loaded);

	if (*here == d->stamp)
		return;
	write_dr7(DR7_FIXED);
	write_dr0(d->address[0]);
	write_dr1(d->address[1]);
	write_dr2(d->address[2]);
	write_dr3(d->address[3]);
	write_dr7((d->dr7 & 0xffff00ff) |
		  DR7_FIXED); /* not general detect: the kernel writes them */
	*here = d->stamp;
}

u64 debug_trap_reason(void)
{
	const struct debug_regs *d = current->thread.debug;
	u64 reason = (read_dr6() ^ DR6_NONE) & (DR_HIT | DR_STEP);
	u64 *here = percpu(&loaded);

	write_dr6(DR6_NONE);
	if ((reason & DR_HIT) && (!d || !(current->work & WORK_DEBUG) || *here != d->stamp)) {
		write_dr7(DR7_FIXED);
		*here = 0;
		reason = (reason & DR_STEP) | DR_STALE;
	}
	return reason;
}

bool debug_hit_code(u64 reason)
{
	for (u32 n = 0; n < NR_ADDRESSES; n++)
		if ((reason >> n & 1) && kind(current->thread.debug->dr7, n) == 0)
			return true;
	return false;
}
