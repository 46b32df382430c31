/* Programs that set their FS and GS bases without the kernel (FSGSBASE). Where the kernel does not
 * offer that, they set them by arch_prctl(2): what is said is the same. */
#include "check.h"
#include <asm/hwcap2.h>
#include <asm/prctl.h>
#include <pthread.h>
#include <sys/auxv.h>

static bool offered;

static unsigned long get_gs(void)
{
	unsigned long base;

	if (offered)
		__asm__ volatile("rdgsbase %0" : "=r"(base));
	else
		syscall(SYS_arch_prctl, ARCH_GET_GS, &base);
	return base;
}

static void set_gs(unsigned long base)
{
	if (offered)
		__asm__ volatile("wrgsbase %0" ::"r"(base));
	else
		syscall(SYS_arch_prctl, ARCH_SET_GS, base);
}

static unsigned long get_fs(void)
{
	unsigned long base;

	if (offered)
		__asm__ volatile("rdfsbase %0" : "=r"(base));
	else
		syscall(SYS_arch_prctl, ARCH_GET_FS, &base);
	return base;
}

/* Half of them are addresses of the kernel, where the program may set such a base. */
static unsigned long base_nr(unsigned long n)
{
	static const unsigned long high[] = {0xffffffff80000000, 0xffff888000000000, -4096UL,
					     0xffff800000000000};

	return offered && n % 2 ? high[n / 2 % 4] + n / 8 * 16 : 0x1000 + n * 0x100;
}

/* Between two looks come a system call, perhaps a switch to a program with another base, and
 * interrupts. */
static bool keeps(unsigned long base, int rounds, void (*between)(void))
{
	unsigned long fs = get_fs();

	set_gs(base);
	for (int i = 0; i < rounds; i++) {
		between();
		if (get_gs() != base || get_fs() != fs)
			return false;
	}
	return true;
}

static void yield(void)
{
	sched_yield();
}
static void nap(void)
{
	usleep(500);
}
static void spin(void)
{
	for (int i = 0; i < 100000; i++)
		__asm__ volatile("" : "+r"(i));
}
static void (*const betweens[])(void) = {yield, nap, spin};

static void check_processes(void)
{
	pid_t pid[9];

	for (int i = 0; i < 9; i++) {
		pid[i] = must_fork();
		if (pid[i] == 0)
			_exit(keeps(base_nr(i), 100, betweens[i % 3]) ? 0 : 1);
	}
	for (int i = 0; i < 9; i++)
		reap("process", pid[i]);
}

static void *thread(void *number)
{
	unsigned long n = (unsigned long)number;

	/* A thread begins with its maker's GS base, and an FS base of its own. */
	if (get_gs() != base_nr(1))
		return "another GS base";
	return keeps(base_nr(n), 100, betweens[n % 3]) ? "kept" : "LOST";
}

static void check_threads(void)
{
	pthread_t t[6];
	void *result;

	set_gs(base_nr(1));
	for (unsigned long i = 0; i < 6; i++)
		if (pthread_create(&t[i], NULL, thread, (void *)i) != 0)
			_exit(90);
	for (int i = 0; i < 6; i++) {
		pthread_join(t[i], &result);
		say("thread: %s", (char *)result);
	}
	say("their maker's: %s", get_gs() == base_nr(1) ? "kept" : "LOST");
}

static void check_fork(void)
{
	unsigned long told = 0;
	pid_t pid;

	set_gs(base_nr(3));
	pid = must_fork();
	if (pid == 0)
		_exit(get_gs() == base_nr(3) ? 0 : 1);
	reap("child's base", pid);
	syscall(SYS_arch_prctl, ARCH_GET_GS, &told);
	say("arch_prctl tells it: %s", told == base_nr(3) ? "yes" : "NO");
	syscall(SYS_arch_prctl, ARCH_GET_FS, &told);
	say("and FS: %s", told == get_fs() ? "yes" : "NO");
	pid = vfork();
	if (pid == 0) {
		set_gs(base_nr(5));
		_exit(0);
	}
	reap("vfork", pid);
	say("after vfork: %s", get_gs() == base_nr(3) ? "kept" : "LOST");
}

static void check_arch_prctl(void)
{
	unsigned long fs = get_fs();

	set_gs(base_nr(3));
	WHETHER(syscall(SYS_arch_prctl, ARCH_SET_FS, fs));
	say("GS after ARCH_SET_FS: %s", get_gs() == base_nr(3) ? "kept" : "LOST");
	WHETHER(syscall(SYS_arch_prctl, ARCH_SET_GS, 0x5000));
	say("ARCH_SET_GS: %#lx", get_gs());
	WHETHER(syscall(SYS_arch_prctl, ARCH_SET_GS, 0xffffffff80000000));
	WHETHER(syscall(SYS_arch_prctl, ARCH_SET_FS, 0xffffffff80000000));
	say("still %#lx", get_gs());
}

static volatile unsigned long handlers;

static void on_signal(int sig)
{
	(void)sig;
	handlers = get_gs();
	set_gs(base_nr(7));
}

/* The signal frame does not hold the bases: a handler has its program's, and changes them. */
static void check_signals(void)
{
	signal(SIGUSR1, on_signal);
	set_gs(base_nr(5));
	raise(SIGUSR1);
	say("in a handler: %s", handlers == base_nr(5) ? "the program's" : "ANOTHER");
	say("behind it: %s", get_gs() == base_nr(7) ? "the handler's" : "ANOTHER");
}

static void child_not_canonical(void)
{
	if (offered)
		set_gs(0x800000000000);
	raise(SIGSEGV);
}

/* Nor does a fault in the kernel, on the way of a call, mix up the two bases. */
static void child_bad_pointer(void)
{
	set_gs(base_nr(1));
	say("write: %s", write(1, (void *)base_nr(1), 8) < 0 ? error_name(errno) : "ok");
	_exit(get_gs() == base_nr(1) ? 0 : 1);
}

static void check_exec(const char *program)
{
	pid_t pid = must_fork();

	if (pid == 0) {
		set_gs(base_nr(1));
		execl(program, program, "fresh", (char *)NULL);
		_exit(2);
	}
	reap("exec", pid);
}

int main(int argc, char **argv)
{
	offered = getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE;
	if (argc > 1) {
		say("a fresh program's GS base: %#lx", get_gs());
		return 0;
	}
	check_processes();
	check_threads();
	check_fork();
	check_arch_prctl();
	check_signals();
	in_child("not canonical", child_not_canonical);
	in_child("bad pointer", child_bad_pointer);
	check_exec(argv[0]);
	return 0;
}
