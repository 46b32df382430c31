/* crash: breaks each defence of the kernel on purpose, to show its report. */
#include "kernel/shell/shell.h"

static void crash_text(void)
{
	*(volatile u8 *)(u64)crash_text = 0xc3; /* the image's text is R-X */
}

static void crash_exec(void)
{
	static u8 code[] = {0xc3}; /* ret, in the data segment: NX */

	((void (*)(void))(u64)code)();
}

/* A puppet's data page: without STAC the access faults, whether the page is mapped here or not. */
static void crash_smap(void)
{
	console_printf("read %#lx\n", *(volatile u64 *)PUPPET_DATA);
}

static noinline u64 recurse(u64 n)
{
	volatile u64 frame[64];

	for (size_t i = 0; i < ARRAY_SIZE(frame); i++)
		frame[i] = n;
	if (n == 1UL << 40) /* never reached: the stack ends long before */
		return 0;
	return recurse(n + 1) + frame[n % ARRAY_SIZE(frame)]; /* not a tail call */
}

static void crash_stack(void)
{
	recurse(0);
}

/* Without a stack the page fault cannot be delivered, and becomes a double fault. */
static void crash_df(void)
{
	__asm__ volatile("mov $0xffff900000000000, %%rsp; push %%rax" ::: "memory");
}

static void crash_panic(void)
{
	panic("asked for by the shell\n");
}

static void crash_null(void)
{
	volatile u64 *volatile nowhere = NULL; /* volatile: the compiler must not know that */

	nowhere[1] = 1;
}

static void crash_lock(void)
{
	static spinlock_t lock = SPINLOCK_INIT(LOCK_FS);

	spin_lock(&lock);
	spin_lock(&lock);
}

static void crash_guarded(void)
{
	guarded(current, exit_state) = 0; /* without tasklist_lock */
}

static const struct crash {
	const char *name, *about;
	void (*fn)(void);
} crashes[] = {
	{"text", "write to the kernel's text", crash_text},
	{"exec", "execute the kernel's data", crash_exec},
	{"smap", "read user memory without asking (a CPU with SMAP)", crash_smap},
	{"null", "write through a null pointer", crash_null},
	{"stack", "run off the end of the kernel stack", crash_stack},
	{"df", "double fault: no stack to deliver a fault on", crash_df},
	{"lock", "take a spinlock twice *", crash_lock},
	{"guarded", "write to a guarded field without its lock +", crash_guarded},
	{"panic", "panic()", crash_panic},
};

SHELL_COMMAND(crash, "system", 0, 1, "crash [KIND]",
	      "break one of the kernel's defences on purpose; without KIND the list")
{
	for (size_t i = 0; i < ARRAY_SIZE(crashes); i++) {
		if (argc == 1)
			console_printf("  %-8s %s\n", crashes[i].name, crashes[i].about);
		else if (strcmp(argv[1], crashes[i].name) == 0) {
			crashes[i].fn();
			return shell_fail("crash: %s: nothing stopped it\n", argv[1]);
		}
	}
	if (argc == 2)
		return shell_error(STATUS_USAGE, "crash: there is no '%s'; `crash` lists them\n",
				   argv[1]);
	console_printf("  * on several CPUs noticed by a kernel built with -Ddebug_checks=true%s\n",
		       DEBUG_CHECKS ? ", as this one is" : "; this one is not, and hangs there");
	console_printf("  + noticed by such a kernel only\n");
	return 0;
}
