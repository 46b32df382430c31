/*
 * A plugin for QEMU's translator, for one CPU: which function of the kernel each executed
 * instruction belongs to, and who called it; or only how many there were.
 *
 *   -plugin
 * profile.so,out=FILE[,symbols=FILE][,low=ADDRESS,high=ADDRESS][,mark=ADDRESS][,cut=ADDRESS]...[,ram=FILE]
 *
 * out        what was seen; read by plugin.py
 * symbols    the kernel's functions, lines "address name" sorted by address; without them
 * instructions are counted only low, high  the text of the measured program: each `rdtsc` there
 * ends a segment mark       a function of that program: segments say how many calls of it came
 * before cut        the first instruction executed here ends a segment, too (may be given several
 * times)
 *
 * ram        the file that is the machine's memory: under which spinlocks instructions run
 *
 * All addresses are hexadecimal. Calls are followed by the slot of the stack that a `call` writes
 * and a `ret` reads: the slot knows the caller, whichever task's stack it lies on, so that a switch
 * needs no attention. A jump into another function, or an interrupt, takes the place of the
 * function that it leaves.
 *
 * A spinlock is taken by a locked 16-bit `xadd` to its second word, and released by an `add` to its
 * first word, or an `inc`; its third word is its class (kernel/lib/lock.h).
 *
 * QEMU's header is in no package of Debian 12, so what is used of it is declared here: version 1 of
 * its API (QEMU 7 and 8), and where version 3 (since 9.1) differs, that too. What only one of them
 * has is weak.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_plugin_scoreboard;
struct counter { /* qemu_plugin_u64: one for each CPU */
	struct qemu_plugin_scoreboard *board;
	size_t offset;
};
typedef void (*exec_fn)(unsigned cpu, void *data);
typedef void (*mem_fn)(unsigned cpu, uint32_t info, uint64_t address, void *data);
enum {
	NO_REGS = 0,
	MEM_ANY = 3,
	INLINE_ADD = 0
};

extern void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id,
						  void (*fn)(uint64_t, struct qemu_plugin_tb *));
extern void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *, exec_fn, int flags,
						 void *);
extern void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *, exec_fn, int flags,
						   void *);
extern void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *, int op, void *,
						       uint64_t) __attribute__((weak));
extern void qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(struct qemu_plugin_insn *, int op,
								struct counter, uint64_t)
	__attribute__((weak));
extern struct qemu_plugin_scoreboard *qemu_plugin_scoreboard_new(size_t size) __attribute__((weak));
extern void *qemu_plugin_scoreboard_find(struct qemu_plugin_scoreboard *, unsigned cpu)
	__attribute__((weak));
extern void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *, mem_fn, int flags, int rw,
					     void *);
extern void qemu_plugin_register_atexit_cb(uint64_t id, void (*fn)(uint64_t, void *), void *);
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
extern struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
extern const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *); /* version 1 */
extern size_t insn_data_3(const struct qemu_plugin_insn *, void *,
			  size_t) __asm__("qemu_plugin_insn_data"); /* the same, of version 3 */
extern size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *);
extern uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *);

__attribute__((visibility("default"))) int qemu_plugin_version = 1;

#define LONGEST_INSN 15

static uint64_t now_1;
static uint64_t *now = &now_1; /* executed instructions; QEMU's generated code adds to it */
static struct counter now_3;   /* the same, as version 3 wants it */
static uint64_t seen;          /* of them, those given to a node */
static uint64_t low, high, mark, marks;
static struct cut {
	uint64_t address;
	bool done;
} cuts[8];
static int nr_cuts;
static FILE *out;

/* Before QEMU asks for the version. */
__attribute__((constructor)) static void choose_version(void)
{
	if (qemu_plugin_scoreboard_new)
		qemu_plugin_version = 3;
}

/* Make the first CPU's the counter, once there is a CPU: there is no other. */
static void find_counter(void)
{
	if (now_3.board && now == &now_1)
		now = qemu_plugin_scoreboard_find(now_3.board, 0);
}

static void count(struct qemu_plugin_insn *insn)
{
	if (now_3.board)
		qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(insn, INLINE_ADD, now_3, 1);
	else
		qemu_plugin_register_vcpu_insn_exec_inline(insn, INLINE_ADD, now, 1);
}

/* How many bytes the instruction has; they go to `code`. */
static size_t fetch(const struct qemu_plugin_insn *insn, uint8_t code[LONGEST_INSN])
{
	size_t size = qemu_plugin_insn_size(insn);

	if (size > LONGEST_INSN)
		size = LONGEST_INSN;
	if (now_3.board)
		return insn_data_3(insn, code, size);
	memcpy(code, qemu_plugin_insn_data(insn), size);
	return size;
}

static void *must(void *memory)
{
	if (memory)
		return memory;
	fputs("profile plugin: no memory\n", stderr);
	exit(1);
}

/* ---- the kernel's functions ---- */

static struct symbol {
	uint64_t address;
	char *name;
} * symbols;
static size_t nr_symbols;

enum {
	ROOT_FUNCTION = -1,
	USER = -2,
	OTHER = -3
};
#define USER_BASE                                                                       \
	0x400000 /* below are firmware, loader, and the kernel while there is no paging \
		  */

static bool is_user(uint64_t address)
{
	return address >> 63 == 0 && address >= USER_BASE;
}

static int function_at(uint64_t address)
{
	if (is_user(address))
		return USER;
	size_t from = 0, to = nr_symbols;
	while (from < to) {
		size_t middle = (from + to) / 2;
		if (symbols[middle].address <= address)
			from = middle + 1;
		else
			to = middle;
	}
	return from ? (int)from - 1 : OTHER;
}

static bool read_symbols(const char *path)
{
	FILE *file = fopen(path, "r");
	char name[256];
	unsigned long long address;
	if (!file)
		return false;
	while (fscanf(file, "%llx %255s", &address, name) == 2) {
		if (nr_symbols % 4096 == 0)
			symbols = must(realloc(symbols, (nr_symbols + 4096) * sizeof(*symbols)));
		symbols[nr_symbols++] = (struct symbol){address, must(strdup(name))};
	}
	fclose(file);
	return nr_symbols > 0;
}

/* ---- the tree of calls ---- */

struct node {
	int parent, function, first_child, next;
	uint64_t count; /* of the present segment */
};
static struct node *nodes;
static int nr_nodes, current;
static int *touched; /* nodes with a count */
static int nr_touched;

static int child_of(int parent, int function)
{
	for (int i = nodes[parent].first_child; i; i = nodes[i].next)
		if (nodes[i].function == function)
			return i;
	if (nr_nodes % 65536 == 0) {
		nodes = must(realloc(nodes, (nr_nodes + 65536) * sizeof(*nodes)));
		touched = must(realloc(touched, (nr_nodes + 65536) * sizeof(*touched)));
	}
	nodes[nr_nodes] = (struct node){parent, function, 0, nodes[parent].first_child, 0};
	nodes[parent].first_child = nr_nodes;
	fprintf(out, "node %d %d %s\n", nr_nodes, parent,
		function == USER    ? "user"
		: function == OTHER ? "other"
				    : symbols[function].name);
	return nr_nodes++;
}

/* The callers whose return address lies in a slot of a stack: a hash table, open addressing. */
static struct slot {
	uint64_t address;
	int node;
} * slots;
static size_t nr_slots, slots_used;

static struct slot *slot_of(uint64_t address)
{
	size_t i = (address >> 3) * 0x9E3779B97F4A7C15ull % nr_slots;
	while (slots[i].address && slots[i].address != address)
		i = i + 1 == nr_slots ? 0 : i + 1;
	return &slots[i];
}

static void grow_slots(void)
{
	struct slot *old = slots;
	size_t n = nr_slots;
	nr_slots = n ? n * 2 + 1 : 65537;
	slots = must(calloc(nr_slots, sizeof(*slots)));
	for (size_t i = 0; i < n; i++)
		if (old[i].address)
			*slot_of(old[i].address) = old[i];
	free(old);
}

static uint64_t pending_call, pending_return;

static void on_call(unsigned cpu, uint32_t info, uint64_t address, void *data)
{
	(void)cpu, (void)info, (void)data;
	pending_call = address;
}

static void on_return(unsigned cpu, uint32_t info, uint64_t address, void *data)
{
	(void)cpu, (void)info, (void)data;
	pending_return = address;
}

/* ---- spinlocks ---- */

#define PHYSMAP_BASE      0xffff888000000000ull
#define KERNEL_IMAGE_BASE 0xffffffff80000000ull
#define HELD_MAX          8
#define SETS_MAX          1024

static const uint8_t *ram;
static size_t ram_size;
static uint64_t held[HELD_MAX]; /* addresses, in the order in which they were taken */
static int nr_held;

/* What instructions were counted under: the locks that were held at once. */
static struct lock_set {
	uint64_t held[HELD_MAX];
	int n;
	uint64_t count; /* of the present segment */
} sets[SETS_MAX];
static int nr_sets = 1, current_set; /* set 0: none */

static bool in_image(uint64_t address)
{
	return address >= KERNEL_IMAGE_BASE;
}

static unsigned class_of(uint64_t lock)
{
	uint64_t at = (in_image(lock) ? lock - KERNEL_IMAGE_BASE : lock - PHYSMAP_BASE) + 4;

	return at + 2 <= ram_size ? ram[at] | ram[at + 1] << 8 : 0;
}

/* Locks of one class count as one, but for those that have a name. */
static uint64_t kind_of(uint64_t lock)
{
	return in_image(lock) ? lock : class_of(lock);
}

static void print_set(const struct lock_set *set)
{
	fprintf(out, "locks %d", (int)(set - sets));
	for (int i = 0; i < set->n; i++) {
		if (in_image(set->held[i]))
			fprintf(out, " %llx", (unsigned long long)set->held[i]);
		else
			fprintf(out, " class%llu", (unsigned long long)set->held[i]);
	}
	fputc('\n', out);
}

static void find_set(void)
{
	struct lock_set *set = &sets[nr_sets];

	set->n = nr_held;
	for (int i = 0; i < nr_held; i++)
		set->held[i] = kind_of(held[i]);
	for (current_set = 0; current_set < nr_sets; current_set++)
		if (sets[current_set].n == set->n &&
		    !memcmp(sets[current_set].held, set->held, sizeof(set->held[0]) * set->n))
			return;
	if (nr_sets + 1 == SETS_MAX) {
		fputs("profile plugin: too many sets of locks\n", stderr);
		exit(1);
	}
	print_set(set);
	nr_sets++;
}

static void settle(void)
{
	uint64_t n = *now - seen;
	seen = *now;
	if (!n)
		return;
	sets[current_set].count += n;
	if (!nodes[current].count)
		touched[nr_touched++] = current;
	nodes[current].count += n;
}

static void enter(int function)
{
	if (function == USER) {
		current = child_of(0, USER);
		pending_call = pending_return = 0;
		return;
	}
	if (pending_call) {
		if (slots_used * 2 > nr_slots)
			grow_slots();
		struct slot *slot = slot_of(pending_call);
		slots_used += !slot->address;
		*slot = (struct slot){pending_call, current};
		current = child_of(current, function);
		pending_call = 0;
		return;
	}
	if (pending_return) {
		struct slot *slot = slot_of(pending_return);
		if (slot->address && nodes[slot->node].function == function)
			current = slot->node;
		pending_return = 0;
	}
	if (nodes[current].function == function)
		return;
	if (nodes[current].function == USER || !current)
		current = child_of(0, function);
	else
		current = child_of(nodes[current].parent, function);
}

/* A load and a store are seen of each such instruction: the first counts. */
static void on_lock(unsigned cpu, uint32_t info, uint64_t address, void *data)
{
	uint64_t lock = address - 2;

	(void)cpu, (void)info, (void)data;
	for (int i = 0; i < nr_held; i++)
		if (held[i] == lock)
			return;
	if (nr_held == HELD_MAX)
		return;
	settle();
	held[nr_held++] = lock;
	find_set();
}

static void on_word_add(unsigned cpu, uint32_t info, uint64_t address, void *data)
{
	int i = 0;

	(void)cpu, (void)info, (void)data;
	while (i < nr_held && held[i] != address)
		i++;
	if (i == nr_held)
		return;
	settle();
	nr_held--;
	memmove(&held[i], &held[i + 1], (nr_held - i) * sizeof(held[0]));
	find_set();
}

static void on_block(unsigned cpu, void *data)
{
	(void)cpu;
	settle();
	enter((int)(intptr_t)data);
}

/* ---- segments ---- */

static void end_segment(uint64_t site)
{
	settle();
	fprintf(out, "segment %llx %llu %llu", (unsigned long long)site, (unsigned long long)marks,
		(unsigned long long)*now);
	for (int i = 0; i < nr_touched; i++) {
		fprintf(out, " %d:%llu", touched[i], (unsigned long long)nodes[touched[i]].count);
		nodes[touched[i]].count = 0;
	}
	nr_touched = 0;
	fputc('\n', out);
	if (!ram)
		return;
	fputs("under", out);
	for (int i = 0; i < nr_sets; i++) {
		if (sets[i].count)
			fprintf(out, " %d:%llu", i, (unsigned long long)sets[i].count);
		sets[i].count = 0;
	}
	fputc('\n', out);
}

static void on_rdtsc(unsigned cpu, void *data)
{
	(void)cpu;
	end_segment((uint64_t)(uintptr_t)data);
}

static void on_cut(unsigned cpu, void *data)
{
	struct cut *cut = data;

	(void)cpu;
	if (cut->done)
		return;
	cut->done = true;
	end_segment(cut->address);
}

static void on_mark(unsigned cpu, void *data)
{
	(void)cpu, (void)data;
	marks++;
}

static void on_exit_of_machine(uint64_t id, void *data)
{
	(void)id, (void)data;
	end_segment(0);
	fclose(out);
}

/* ---- translation ---- */

static void watch_calls(struct qemu_plugin_insn *insn)
{
	uint8_t bytes[LONGEST_INSN], *code = bytes;
	size_t size = fetch(insn, bytes);

	while (size > 1 && (code[0] >> 4 == 4 || code[0] == 0x3e || code[0] == 0x2e ||
			    code[0] == 0x66 || code[0] == 0xf2 || code[0] == 0xf3)) {
		code++;
		size--;
	}
	/* Both kinds of access each, or QEMU 7.2 leaves loads out. A `call` through memory loads
	 * before it stores: the last access counts. */
	if (code[0] == 0xe8 || (code[0] == 0xff && size > 1 && (code[1] >> 3 & 7) == 2))
		qemu_plugin_register_vcpu_mem_cb(insn, on_call, NO_REGS, MEM_ANY, NULL);
	else if (code[0] == 0xc3 || code[0] == 0xc2)
		qemu_plugin_register_vcpu_mem_cb(insn, on_return, NO_REGS, MEM_ANY, NULL);
}

static void watch_locks(struct qemu_plugin_insn *insn)
{
	uint8_t bytes[LONGEST_INSN], *code = bytes;
	size_t size = fetch(insn, bytes);
	bool locked = false, short_words = false;

	while (size > 2 && (code[0] >> 4 == 4 || code[0] == 0xf0 || code[0] == 0x66)) {
		locked |= code[0] == 0xf0;
		short_words |= code[0] == 0x66;
		code++;
		size--;
	}
	if (locked && short_words && code[0] == 0x0f && code[1] == 0xc1)
		qemu_plugin_register_vcpu_mem_cb(insn, on_lock, NO_REGS, MEM_ANY, NULL);
	else if (short_words && (code[0] == 0x83 || code[0] == 0xff) && (code[1] >> 3 & 7) == 0)
		qemu_plugin_register_vcpu_mem_cb(insn, on_word_add, NO_REGS, MEM_ANY, NULL);
}

static void watch(struct qemu_plugin_insn *insn)
{
	static const uint8_t rdtsc[] = {0x0f, 0x31};
	uint64_t address = qemu_plugin_insn_vaddr(insn);
	uint8_t code[LONGEST_INSN];

	count(insn);
	if (address >= low && address < high && fetch(insn, code) == sizeof(rdtsc) &&
	    memcmp(code, rdtsc, sizeof(rdtsc)) == 0)
		qemu_plugin_register_vcpu_insn_exec_cb(insn, on_rdtsc, NO_REGS,
						       (void *)(uintptr_t)address);
	if (mark && address == mark)
		qemu_plugin_register_vcpu_insn_exec_cb(insn, on_mark, NO_REGS, NULL);
	for (int i = 0; i < nr_cuts; i++)
		if (address == cuts[i].address && !cuts[i].done)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, on_cut, NO_REGS, &cuts[i]);
	if (nr_symbols && !is_user(address))
		watch_calls(insn);
	if (ram && !is_user(address))
		watch_locks(insn);
}

/* A block ends at a jump, so that it lies within one function. */
static void on_translation(uint64_t id, struct qemu_plugin_tb *tb)
{
	size_t n = qemu_plugin_tb_n_insns(tb);
	uint64_t address = qemu_plugin_insn_vaddr(qemu_plugin_tb_get_insn(tb, 0));

	(void)id;
	find_counter();
	if (nr_symbols)
		qemu_plugin_register_vcpu_tb_exec_cb(tb, on_block, NO_REGS,
						     (void *)(intptr_t)function_at(address));
	for (size_t i = 0; i < n; i++)
		watch(qemu_plugin_tb_get_insn(tb, i));
}

static bool map_ram(const char *path)
{
	FILE *file = fopen(path, "r");
	struct stat st;

	if (!file || fstat(fileno(file), &st) != 0)
		return false;
	ram_size = st.st_size;
	ram = mmap(NULL, ram_size, PROT_READ, MAP_SHARED, fileno(file), 0);
	fclose(file);
	return ram != MAP_FAILED;
}

static bool option(const char *name, const char *value)
{
	uint64_t address = strtoull(value, NULL, 16);

	if (!strcmp(name, "out"))
		return (out = fopen(value, "w")) != NULL;
	if (!strcmp(name, "symbols"))
		return read_symbols(value);
	if (!strcmp(name, "ram"))
		return map_ram(value);
	if (!strcmp(name, "low"))
		low = address;
	else if (!strcmp(name, "high"))
		high = address;
	else if (!strcmp(name, "mark"))
		mark = address;
	else if (!strcmp(name, "cut") && nr_cuts < 8)
		cuts[nr_cuts++].address = address;
	else
		return false;
	return true;
}

__attribute__((visibility("default"))) int qemu_plugin_install(uint64_t id, const void *info,
							       int argc, char **argv)
{
	(void)info;
	for (int i = 0; i < argc; i++) {
		char *value = strchr(argv[i], '=');

		if (!value)
			return -1;
		*value++ = '\0';
		if (!option(argv[i], value))
			return -1;
	}
	if (!out)
		return -1;
	if (qemu_plugin_scoreboard_new)
		now_3.board = qemu_plugin_scoreboard_new(sizeof(*now));
	grow_slots();
	nodes = must(calloc(65536, sizeof(*nodes)));
	touched = must(calloc(65536, sizeof(*touched)));
	nodes[0].function = ROOT_FUNCTION;
	nr_nodes = 1;
	qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
	qemu_plugin_register_atexit_cb(id, on_exit_of_machine, NULL);
	return 0;
}
