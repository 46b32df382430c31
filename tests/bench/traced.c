/* What a tracer costs: ptrace(2). */
#include <signal.h>
#include <unistd.h>

#include "rows.h"

#define PT_SYSCALL    24
#define PT_SEIZE      0x4206
#define PT_INTERRUPT  0x4207
#define PT_O_SYSGOOD  1
#define PT_O_FORK     2
#define PT_O_EXITKILL 0x100000
#define EVENT_FORK    1
#define WALL          0x40000000
static inline long Ptrace(long request, long pid, long data)
{
	return sc(101, request, pid, 0, data, 0, 0);
}
static inline long Wall(long pid, int *status)
{
	return sc(61, pid, (long)status, WALL, 0, 0, 0);
}
/* A child that waits for a byte and then runs `body` for ever, seized and stopped. */
static long traced_child(void (*body)(void), long options)
{
	int pfd[2], st;
	char c = 'x';
	if (pipe(pfd))
		return -1;
	long p = Fork();
	if (p == 0) {
		Read(pfd[0], &c, 1);
		for (;;)
			body();
	}
	if (Ptrace(PT_SEIZE, p, options | PT_O_EXITKILL) || Ptrace(PT_INTERRUPT, p, 0) ||
	    Wall(p, &st) != p)
		p = -1;
	Write(pfd[1], &c, 1);
	Close(pfd[0]);
	Close(pfd[1]);
	return p;
}
static void end_traced(long p)
{
	int st;
	sc3(62, p, 9, 0);
	while ((p = Wall(-1, &st)) > 0) /* its child stops once more */
		if ((st & 0xff) == 0x7f)
			sc3(62, p, 9, 0);
}
static void getppid_once(void)
{
	sc0(110);
}
void b_ptrace(void)
{
	int i, k, st;
	long p = traced_child(getppid_once, 0);
	if (p < 0) {
		skip("ptrace_syscall_stop", p);
		return;
	}
	BEGIN();
	for (i = 0; i < WARM + reps; i++) {
		T0();
		for (k = 0; k < 100; k++) {
			Ptrace(PT_SYSCALL, p, 0);
			Wall(p, &st);
		}
		T1();
		ENDWARM(i);
	}
	end_traced(p);
	report("ptrace_syscall_stop", 100);
}
static void fork_once(void)
{
	long p = Fork();
	if (p == 0)
		Exit(0);
	Wait(p);
}
/* Let each tracee go on at its stop, with its signal, until `n` forks were told. */
static void trace_forks(int n)
{
	int st;
	while (n > 0) {
		long p = Wall(-1, &st);
		int sig = st >> 8 & 0xff;
		if (p < 0)
			return;
		if ((st & 0xff) != 0x7f)
			continue; /* it has ended */
		n -= st >> 16 == EVENT_FORK;
		Ptrace(PT_SYSCALL, p, st >> 16 || sig == (SIGTRAP | 0x80) ? 0 : sig);
	}
}
void b_tracefork(void)
{
	int i;
	long p = traced_child(fork_once, PT_O_SYSGOOD | PT_O_FORK);
	if (p < 0) {
		skip("fork_traced", p);
		return;
	}
	Ptrace(PT_SYSCALL, p, 0);
	BEGIN();
	for (i = 0; i < WARM + reps; i++) {
		T0();
		trace_forks(10);
		T1();
		ENDWARM(i);
	}
	end_traced(p);
	report("fork_traced", 10);
}
