/* Traps of user mode with unusual vectors and error codes, and signal frames whose selectors a
 * handler has changed: which signal, with what code, and what stands in its frame. */
#include "check.h"

#include <ucontext.h>

#ifndef UC_STRICT_RESTORE_SS
#define UC_STRICT_RESTORE_SS 4
#endif

static volatile int stage;
static bool framed; /* a handler has changed the selectors of its frame */
static unsigned long new_cs, new_ss, new_flags;
static const char *name;

/* A selector that stood in a frame. When IRET refuses it, some versions of Linux put that of an
 * ordinary program in its place before they send the signal; others leave it. */
static const char *selector_seen(unsigned long seen, unsigned long in_frame, unsigned long ordinary)
{
	static char text[2][32];
	static int at;

	if (framed && (seen == (in_frame | 3) || seen == ordinary))
		return "as expected";
	at ^= 1;
	snprintf(text[at], sizeof(text[at]), "%#lx", seen);
	return text[at];
}

static void dump(const char *what, int sig, const siginfo_t *info, const ucontext_t *uc)
{
	const greg_t *r = uc->uc_mcontext.gregs;
	unsigned long sel = (unsigned long)r[REG_CSGSFS];
	greg_t error = strncmp(what, "int ", 4) ? r[REG_ERR] : 0; /* QEMU has another for those */

	say("%s: %s, code %d, trap %lld, error %#llx, cs %s, ss %s, address %s", what,
	    signal_name(sig), info->si_code, r[REG_TRAPNO], error,
	    selector_seen(sel & 0xffff, new_cs, 0x33), selector_seen(sel >> 48, new_ss, 0x2b),
	    info->si_addr == NULL                 ? "0"
	    : info->si_addr == (void *)r[REG_RIP] ? "rip"
						  : "other");
}

static void on_trap(int sig, siginfo_t *info, void *context)
{
	dump(name, sig, info, context);
	_exit(3);
}

static void catch_all(void)
{
	static char stack[65536];
	stack_t ss = {.ss_sp = stack, .ss_size = sizeof(stack)};
	struct sigaction sa = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO | SA_ONSTACK};

	sigaltstack(&ss, NULL);
	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
	sigaction(SIGILL, &sa, NULL);
	sigaction(SIGTRAP, &sa, NULL);
	sigaction(SIGFPE, &sa, NULL);
	alarm(10);
}

/* ---- instructions: each is a function, in a child ---- */

#define VECTOR(n)                                          \
	static void interrupt_##n(void)                    \
	{                                                  \
		__asm__ volatile("int $" #n ::: "memory"); \
	}
/* It never comes to rest here. */
/* clang-format off */
VECTOR(0) VECTOR(1) VECTOR(2) VECTOR(3) VECTOR(4) VECTOR(8) VECTOR(9) VECTOR(10)
VECTOR(11) VECTOR(12) VECTOR(13) VECTOR(14) VECTOR(15) VECTOR(18) VECTOR(20) VECTOR(21)
VECTOR(31) VECTOR(32) VECTOR(129) VECTOR(239) VECTOR(253) VECTOR(255)
	/* clang-format on */

	static unsigned short selector;

static void load_ss(void)
{
	__asm__ volatile("mov %0, %%ss" ::"r"(selector));
}
static void load_es(void)
{
	__asm__ volatile("mov %0, %%es" ::"r"(selector));
}
static void load_fs(void)
{
	__asm__ volatile("mov %0, %%fs" ::"r"(selector));
}
static void return_non_canonical(void)
{
	__asm__ volatile("movabs $0x8000000000000000, %%rax; push %%rax; ret" ::: "rax");
}
static void system_call_at_the_end(void)
{
	__asm__ volatile("mov $0x1ff, %%eax; syscall" ::: "rax", "rcx", "r11");
}
static void wait_for_interrupt(void)
{
	__asm__ volatile("hlt");
}
static void write_debug_register(void)
{
	__asm__ volatile("mov %%rax, %%dr7" ::: "rax");
}
static void load_task_register(void)
{
	__asm__ volatile("ltr %0" ::"r"(selector));
}
static void swap_gs(void)
{
	__asm__ volatile("swapgs");
}
static void system_return(void)
{
	__asm__ volatile("sysretq" ::: "rcx", "r11");
}
static void bad_lock(void)
{
	__asm__ volatile(".byte 0xf0, 0x90"); /* lock nop */
}
static void misaligned_vector(void)
{
	static char bytes[64] __attribute__((aligned(64)));

	__asm__ volatile("movaps %0, %%xmm0" : : "m"(bytes[1]) : "xmm0");
}

static void run(const char *what, void (*fn)(void))
{
	pid_t pid = must_fork();

	if (pid == 0) {
		name = what;
		catch_all();
		fn();
		_exit(0);
	}
	reap(what, pid);
}

static void with_selectors(const char *what, void (*fn)(void), const unsigned short *list, int n)
{
	char text[64];

	for (int i = 0; i < n; i++) {
		selector = list[i];
		snprintf(text, sizeof(text), "%s %#x", what, selector);
		run(text, fn);
	}
}

/* ---- a handler changes the selectors of its frame ---- */

static void on_usr1(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	greg_t *sel = &uc->uc_mcontext.gregs[REG_CSGSFS];

	(void)sig;
	(void)info;
	*sel = (greg_t)(((unsigned long)*sel & 0x0000ffffffff0000UL) | new_cs | new_ss << 48);
	uc->uc_flags = (uc->uc_flags & ~(unsigned long)UC_STRICT_RESTORE_SS) | new_flags;
}

static void return_to_selectors(void)
{
	struct sigaction sa = {.sa_sigaction = on_usr1, .sa_flags = SA_SIGINFO};

	framed = true;
	sigaction(SIGUSR1, &sa, NULL);
	raise(SIGUSR1);
	stage = 1;
}

static void frames(void)
{
	static const struct {
		unsigned long cs, ss;
	} kinds[] = {{0x33, 0x2b}, {0x30, 0x28}, {0x33, 0},      {0x33, 3},
		     {0x33, 0x33}, {0x33, 0x18}, {0x33, 0xfff8}, {0, 0x2b},
		     {0x2b, 0x2b}, {0x10, 0x2b}, {0xfff8, 0x2b}, {0xfff8, 0xfff8}};
	char text[64];

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		for (int strict = 0; strict < 2; strict++) {
			new_cs = kinds[i].cs;
			new_ss = kinds[i].ss;
			new_flags = strict ? UC_STRICT_RESTORE_SS : 0;
			snprintf(text, sizeof(text), "frame with cs %#lx, ss %#lx%s", new_cs,
				 new_ss, strict ? ", strict" : "");
			run(text, return_to_selectors);
		}
}

int main(void)
{
	static const unsigned short data[] = {0, 3, 0x2b, 0x33, 0x10, 0x18, 0x50, 0xfff8, 7};

#define RUN(fn)       run(#fn, fn)
#define RUN_VECTOR(n) run("int " #n, interrupt_##n)
	RUN_VECTOR(0);
	RUN_VECTOR(1);
	RUN_VECTOR(2);
	RUN_VECTOR(3);
	RUN_VECTOR(4);
	RUN_VECTOR(8);
	RUN_VECTOR(9);
	RUN_VECTOR(10);
	RUN_VECTOR(11);
	RUN_VECTOR(12);
	RUN_VECTOR(13);
	RUN_VECTOR(14);
	RUN_VECTOR(15);
	RUN_VECTOR(18);
	RUN_VECTOR(20);
	RUN_VECTOR(21);
	RUN_VECTOR(31);
	RUN_VECTOR(32);
	RUN_VECTOR(129);
	RUN_VECTOR(239);
	RUN_VECTOR(253);
	RUN_VECTOR(255);
	with_selectors("mov to ss", load_ss, data, 9);
	with_selectors("mov to es", load_es, data, 9);
	with_selectors("mov to fs", load_fs, data, 9);
	RUN(return_non_canonical);
	RUN(system_call_at_the_end);
	RUN(wait_for_interrupt);
	RUN(write_debug_register);
	RUN(load_task_register);
	RUN(swap_gs);
	RUN(system_return);
	RUN(bad_lock);
	RUN(misaligned_vector);
	frames();
	return 0;
}
