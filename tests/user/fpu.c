/* Floating point and vector registers belong to each process, also across fork, exec and switches;
 * so does where GS begins.
 */
#include "check.h"
#include <asm/prctl.h>
#include <sys/mman.h>

/* What is wider than SSE: AVX-512's registers and masks if the processor has them, or the upper
 * halves of AVX's. */
static void load_wide(unsigned long seed)
{
	unsigned long v[8];

	for (int i = 0; i < 8; i++)
		v[i] = seed * (i + 1);
	if (__builtin_cpu_supports("avx512f"))
		__asm__ volatile(
			"vmovdqu64 %0, %%zmm5\n\tvmovdqu64 %0, %%zmm17\n\tkmovw %k1, %%k1" ::"m"(v),
			"r"(seed)
			: "xmm5");
	else if (__builtin_cpu_supports("avx"))
		__asm__ volatile("vmovdqu %0, %%ymm5" ::"m"(v) : "xmm5");
}

static bool same_wide(unsigned long seed)
{
	unsigned long a[8], b[8];
	unsigned int mask = seed;
	int words = 0;
	bool kept = true;

	if (__builtin_cpu_supports("avx512f")) {
		words = 8;
		__asm__ volatile("vmovdqu64 %%zmm5, %0\n\tvmovdqu64 %%zmm17, %1\n\tkmovw %%k1, %2"
				 : "=m"(a), "=m"(b), "=r"(mask));
	} else if (__builtin_cpu_supports("avx")) {
		words = 4;
		__asm__ volatile("vmovdqu %%ymm5, %0\n\tvmovdqu %%ymm5, %1" : "=m"(a), "=m"(b));
	}
	for (int i = 0; i < words; i++)
		kept &= a[i] == seed * (i + 1) && b[i] == a[i];
	return kept && (unsigned short)mask == (unsigned short)seed;
}

static void load(unsigned long seed)
{
	unsigned long v[2] = {seed, ~seed};
	double d = seed;

	load_wide(seed);
	__asm__ volatile(
		"movups %0, %%xmm3\n\tmovups %0, %%xmm7\n\tmovups %0, %%xmm15\n\tfninit\n\tfldl %1" ::
			"m"(v),
		"m"(d)
		: "xmm3", "xmm7", "xmm15", "st");
}

static bool same_sse(unsigned long seed)
{
	unsigned long a[2], b[2], c[2];
	double d;

	__asm__ volatile("movups %%xmm3, %0\n\tmovups %%xmm7, %1\n\tmovups %%xmm15, %2\n\tfstpl %3"
			 : "=m"(a), "=m"(b), "=m"(c), "=m"(d));
	return a[0] == seed && a[1] == ~seed && b[0] == seed && b[1] == ~seed && c[0] == seed &&
	       c[1] == ~seed && d == (double)seed;
}

/* Nothing may come between load() and this but system calls, which keep them all. */
static bool same(unsigned long seed)
{
	bool sse = same_sse(seed);

	return same_wide(seed) && sse;
}

static long raw(long nr)
{
	long result;

	__asm__ volatile("syscall" : "=a"(result) : "0"(nr) : "rcx", "r11", "memory");
	return result;
}

static void check_switches(void)
{
	pid_t pid[4];

	for (int i = 0; i < 4; i++) {
		pid[i] = must_fork();
		if (pid[i] == 0) {
			for (int round = 0; round < 200; round++) {
				load(1000 * i + round);
				raw(SYS_sched_yield);
				if (!same(1000 * i + round))
					_exit(1);
			}
			_exit(0);
		}
	}
	for (int i = 0; i < 4; i++)
		reap("computer", pid[i]);
}

/* Two processes sleep and wake up by turns, one with a GS base of its own and one without: between
 * them the CPU is often idle, and whoever comes next must find what is his. */
static void check_gs(void)
{
	static const unsigned long words[2] = {1, 2};
	pid_t pid[2];

	for (unsigned long i = 0; i < 2; i++) {
		pid[i] = must_fork();
		if (pid[i] == 0) {
			if (i && syscall(SYS_arch_prctl, ARCH_SET_GS, i * sizeof(words[0])))
				_exit(2);
			for (int round = 0; round < 100; round++) {
				unsigned long word;

				usleep(1000 + 300 * i);
				__asm__ volatile("mov %%gs:(%1), %0" : "=r"(word) : "r"(words));
				if (word != words[i])
					_exit(1);
			}
			_exit(0);
		}
	}
	reap("no GS base", pid[0]);
	reap("a GS base", pid[1]);
}

static void check_preemption(void)
{
	/* Long enough to be interrupted in the middle, with no system call. */
	pid_t pid[3];

	for (int i = 0; i < 3; i++) {
		pid[i] = must_fork();
		if (pid[i] == 0) {
			unsigned long seed = 77 * (i + 1);
			load(seed);
			for (long k = 0; k < 20000000; k++)
				__asm__ volatile("" : "+r"(k));
			_exit(same(seed) ? 0 : 1);
		}
	}
	for (int i = 0; i < 3; i++)
		reap("spinner", pid[i]);
}

static void check_fork(void)
{
	load(4242);
	long pid = raw(SYS_fork);
	bool ok = same(4242);
	if (pid == 0)
		_exit(ok ? 0 : 1);
	say("parent after fork: %s", ok ? "kept" : "LOST");
	reap("child after fork", pid);
}

/* Write to a page while a register of the best kind there is holds something: the kernel clears or
 * copies the page in between. */
static bool kept_while_writing(volatile char *page)
{
	unsigned char before[32], after[32] = {0};

	for (int i = 0; i < 32; i++)
		before[i] = 100 + i;
	if (__builtin_cpu_supports("avx"))
		__asm__ volatile("vmovdqu %1, %%ymm0; movb $1, (%2); vmovdqu %%ymm0, %0"
				 : "=m"(after)
				 : "m"(before), "r"(page)
				 : "xmm0", "memory");
	else
		__asm__ volatile("movups %1, %%xmm0; movb $1, (%2); movups %%xmm0, %0"
				 : "=m"(after)
				 : "m"(before), "r"(page)
				 : "xmm0", "memory");
	return memcmp(before, after, __builtin_cpu_supports("avx") ? 32 : 16) == 0;
}

static void check_faults(void)
{
	enum {
		PAGES = 64,
		SIZE = 4096
	};
	char *p = mmap(NULL, PAGES * SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		       0);
	int kept = 0;
	pid_t pid;

	for (int i = 0; i < PAGES; i++)
		kept += kept_while_writing(p + i * SIZE);
	say("kept in %d of %d page faults", kept, PAGES);
	pid = must_fork();
	if (pid == 0) {
		for (int i = kept = 0; i < PAGES; i++)
			kept += kept_while_writing(p + i * SIZE + 1) && p[i * SIZE] == 1 &&
				p[i * SIZE + 2] == 0 && p[i * SIZE + SIZE - 1] == 0;
		_exit(kept);
	}
	reap("kept while pages are copied", pid);
	munmap(p, PAGES * SIZE);
}

static void check_control(void)
{
	unsigned int mxcsr = 0x1f80 | 0x6000; /* round toward zero */
	unsigned int got;

	__asm__ volatile("ldmxcsr %0" ::"m"(mxcsr));
	raw(SYS_sched_yield);
	pid_t pid = must_fork();
	__asm__ volatile("stmxcsr %0" : "=m"(got));
	if (pid == 0)
		_exit((got & 0x6000) == 0x6000 ? 0 : 1);
	reap("rounding mode in the child", pid);
	say("rounding mode: %s", (got & 0x6000) == 0x6000 ? "kept" : "LOST");
}

/* ---- signal frames ---- */

static enum {
	LEAVE,
	CHANGE_XMM7,
	NO_MAGIC,
	NOWHERE
} frame_deed;
static unsigned int handlers_mxcsr;

static void on_signal(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	char *fp = (char *)uc->uc_mcontext.fpregs; /* an FXSAVE image comes first */
	static const unsigned long other[2] = {1234, ~1234UL};

	(void)sig, (void)info;
	__asm__ volatile("stmxcsr %0" : "=m"(handlers_mxcsr));
	load(1); /* what the handler does to the registers is gone when it returns */
	if (frame_deed == CHANGE_XMM7)
		memcpy(fp + 160 + 16 * 7, other, sizeof(other));
	else if (frame_deed == NO_MAGIC) /* then only the FXSAVE area counts */
		memset(fp + 464, 0, 4);
	else if (frame_deed == NOWHERE)
		uc->uc_mcontext.fpregs = (void *)64;
}

static long raise_raw(pid_t pid)
{
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "0"(SYS_kill), "D"((long)pid), "S"((long)SIGUSR1)
			 : "rcx", "r11", "memory");
	return result;
}

static void check_frames(void)
{
	struct sigaction sa = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
	unsigned int mxcsr = 0x1f80 | 0x6000, got;
	unsigned long xmm7[2];
	pid_t pid = getpid();
	bool kept;

	sigaction(SIGUSR1, &sa, NULL);
	__asm__ volatile("ldmxcsr %0" ::"m"(mxcsr));
	load(77);
	raise_raw(pid);
	kept = same(77);
	__asm__ volatile("stmxcsr %0" : "=m"(got));
	say("after a handler: %s, rounding %s; in it MXCSR was %#x", kept ? "kept" : "LOST",
	    got == mxcsr ? "kept" : "LOST", handlers_mxcsr);

	frame_deed = NO_MAGIC;
	load(78);
	raise_raw(pid);
	say("a frame without its mark: %s", same_sse(78) ? "kept" : "LOST");

	frame_deed = CHANGE_XMM7;
	load(79);
	raise_raw(pid);
	__asm__ volatile("movups %%xmm7, %0" : "=m"(xmm7));
	say("a frame that was changed: %lu %lu", xmm7[0], ~xmm7[1]);

	frame_deed = NOWHERE;
	pid = must_fork();
	if (pid == 0) {
		raise_raw(getpid());
		_exit(0);
	}
	reap("a frame that leads nowhere", pid);
}

static void check_fresh(const char *program)
{
	pid_t pid;

	load(99);
	pid = must_fork();
	if (pid == 0) {
		load(99);
		execl(program, program, "fresh", (char *)NULL);
		_exit(2);
	}
	reap("after exec", pid);
}

int main(int argc, char **argv)
{
	if (argc == 2) {
		unsigned int mxcsr;
		__asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
		say("fresh program: MXCSR %#x", mxcsr & ~0x3fu);
		return 0;
	}
	check_switches();
	check_gs();
	check_preemption();
	check_fork();
	check_faults();
	check_control();
	check_frames();
	check_fresh(argv[0]);
	say("%.3f %.10g", 1.0 / 3.0, 2e10 / 7);
	return 0;
}
