/* The debug registers of a tracee: ptrace(2), and SDM vol. 3B, chapter 17.2. */
#include "tracing.h"

static volatile long watched;

__attribute__((noinline)) static void breaks_here(void)
{
	__asm__ volatile("" ::: "memory");
}

static void touches(void)
{
	raise(SIGUSR1);
	watched = 1;
	breaks_here();
	if (fork() == 0) {
		watched = 2; /* not watched: the child has no breakpoints */
		_exit(0);
	}
	wait(NULL);
	breaks_here();
	(void)!read(-1, (void *)&watched, 8);
}

static void breakpoints(void)
{
	pid_t pid = start_traced(touches);

	say("-- debug registers");
	trace(PTRACE_CONT, pid, 0, 0);
	see("tracee", pid);
	say("status %#lx, control %#lx", peek_user(pid, DEBUG_REG(6)),
	    peek_user(pid, DEBUG_REG(7)));
	poke_user("the kernel's", pid, DEBUG_REG(0), 0xffffffff80000000);
	poke_user("number 4", pid, DEBUG_REG(4), 0);
	poke_user("address", pid, DEBUG_REG(0), (unsigned long)&watched);
	poke_user("address", pid, DEBUG_REG(1), (unsigned long)breaks_here);
	poke_user("a long instruction", pid, DEBUG_REG(7), 0xc0000c);
	poke_user("ports", pid, DEBUG_REG(7), 0x20001);
	poke_user("control", pid, DEBUG_REG(7), 0x90001 | 4); /* 8 bytes written; code */
	say("control %#lx", peek_user(pid, DEBUG_REG(7)));
	poke_user("off", pid, DEBUG_REG(7), 0);
	poke_user("an odd address", pid, DEBUG_REG(0), (unsigned long)&watched + 1);
	poke_user("control", pid, DEBUG_REG(7), 0x90001);
	poke_user("address", pid, DEBUG_REG(0), (unsigned long)&watched);
	poke_user("control", pid, DEBUG_REG(7), 0x90001 | 4);
	for (int i = 0; i < 3; i++) {
		trace(PTRACE_CONT, pid, 0, 0);
		see("tracee", pid);
		say("code %#x, status %#lx, at the code: %d", siginfo(pid).si_code,
		    peek_user(pid, DEBUG_REG(6)),
		    peek_user(pid, REG(rip)) == (unsigned long)breaks_here);
	}
	poke_user("off", pid, DEBUG_REG(7), 0);
	trace(PTRACE_CONT, pid, 0, 0);
	see("tracee", pid);
	trace(PTRACE_CONT, pid, 0, 0);
	see("tracee", pid);
}

/* A stop, an access to what is watched, and one instruction more. */
extern const char steps_watched[];
static void stops_and_touches(void)
{
	__asm__ volatile("int3\n\t"
			 "steps_watched: movq $7, %0\n\t"
			 "nop"
			 : "=m"(watched));
}

/* A step that is also a watched access: the two come together. */
static void watched_step(void)
{
	pid_t pid = start_traced(stops_and_touches);

	say("-- a step is a watched access");
	trace(PTRACE_CONT, pid, 0, 0);
	see("tracee", pid);
	poke_user("address", pid, DEBUG_REG(0), (unsigned long)&watched);
	poke_user("control", pid, DEBUG_REG(7), 0x90001);
	trace(PTRACE_SINGLESTEP, pid, 0, 0);
	see("tracee", pid);
	say("code %#x, status %#lx, still there: %d", siginfo(pid).si_code,
	    peek_user(pid, DEBUG_REG(6)), peek_user(pid, REG(rip)) == (unsigned long)steps_watched);
	poke_user("off", pid, DEBUG_REG(7), 0);
	trace(PTRACE_SINGLESTEP, pid, 0, 0);
	see("tracee", pid);
	trace(PTRACE_CONT, pid, 0, 0);
	see("tracee", pid);
}

/* A hypervisor may keep them from its guests. */
static bool debug_registers_work(void)
{
	pid_t pid = start_traced(touches);
	int status;

	trace(PTRACE_CONT, pid, 0, 0);
	await_stop(pid);
	trace(PTRACE_POKEUSR, pid, DEBUG_REG(0), (unsigned long)&watched);
	trace(PTRACE_POKEUSR, pid, DEBUG_REG(7), 0x90001);
	trace(PTRACE_CONT, pid, 0, 0);
	status = await_stop(pid);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, __WALL);
	return WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP;
}

int main(void)
{
	alarm(60);
	if (!debug_registers_work()) {
		say("the debug registers of this machine do nothing");
		return SKIPPED;
	}
	breakpoints();
	watched_step();
	return 0;
}
