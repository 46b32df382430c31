/* Registers and memory of a tracee: ptrace(2). */
#include "tracing.h"

/* ---- a tracee that stops with known registers ---- */

extern const char known_stop[];
static unsigned long after[4];

static void known_registers(void)
{
	unsigned long rbx = 0x1111, r12 = 0x2222, r15 = 0x3333;
	double x = 1.5;

	__asm__ volatile("movsd %3, %%xmm7\n\t"
			 ".globl known_stop\nknown_stop: int3\n\t"
			 "movsd %%xmm7, %3"
			 : "+b"(rbx), "+r"(r12), "+r"(r15), "+m"(x)
			 :
			 : "xmm7", "memory");
	say("tracee: %#lx, %g", rbx, x);
	after[0] = rbx;
}

static void registers(void)
{
	pid_t pid = start_traced(known_registers);
	struct user_regs_struct regs;
	struct user_fpregs_struct fp;
	siginfo_t info;
	double x = 2.5, seen;

	say("-- registers");
	trace(PTRACE_CONT, pid, 0, 0);
	see("tracee", pid);
	info = siginfo(pid);
	say("%s, code %#x, at %p", signal_name(info.si_signo), info.si_code, info.si_addr);
	say_result("get", trace(PTRACE_GETREGS, pid, 0, (unsigned long)&regs));
	say("rbx %#lx, one past the breakpoint: %d", (unsigned long)regs.rbx,
	    regs.rip == (unsigned long)known_stop + 1);
	say("cs %#lx ss %#lx ds %lx es %lx fs %lx gs %lx, orig_rax %ld", (unsigned long)regs.cs,
	    (unsigned long)regs.ss, (unsigned long)regs.ds, (unsigned long)regs.es,
	    (unsigned long)regs.fs, (unsigned long)regs.gs, (long)regs.orig_rax);
	say("the same: %d %d", peek_user(pid, REG(rbx)) == regs.rbx,
	    peek_user(pid, REG(fs_base)) == regs.fs_base && regs.fs_base != 0);
	regs.rbx = 0x4444;
	say_result("set", trace(PTRACE_SETREGS, pid, 0, (unsigned long)&regs));

	say_result("get fp", trace(PTRACE_GETFPREGS, pid, 0, (unsigned long)&fp));
	memcpy(&seen, &fp.xmm_space[7 * 4], sizeof(seen));
	say("xmm7 %g, mxcsr %#x", seen, fp.mxcsr);
	memcpy(&fp.xmm_space[7 * 4], &x, sizeof(x));
	say_result("set fp", trace(PTRACE_SETFPREGS, pid, 0, (unsigned long)&fp));
	fp.mxcsr = 0xffffffff;
	say_result("a bad mxcsr", trace(PTRACE_SETFPREGS, pid, 0, (unsigned long)&fp));

	poke_user("cs", pid, REG(cs), 0x10);
	poke_user("ss", pid, REG(ss), 0);
	poke_user("fs_base of the kernel", pid, REG(fs_base), 0xffff888000000000);
	poke_user("an odd offset", pid, REG(rbx) + 1, 0);
	poke_user("far beyond", pid, 100000, 0);
	say_result("peek far beyond", trace(PTRACE_PEEKUSR, pid, 100000, (unsigned long)&x));
	poke_user("flags", pid, REG(eflags), 0xffffffffffffffff);
	say("interrupts %lu, io privilege %lu", peek_user(pid, REG(eflags)) >> 9 & 1,
	    peek_user(pid, REG(eflags)) >> 12 & 3);
	poke_user("flags", pid, REG(eflags), 0x202);
	trace(PTRACE_CONT, pid, 0, 0);
	see("tracee", pid);
}

static void register_sets(void)
{
	pid_t pid = start_traced(known_registers);
	static unsigned char buffer[16384];
	struct iovec iov = {buffer, 1000};

	say("-- register sets");
	trace(PTRACE_CONT, pid, 0, 0);
	see("tracee", pid);
	say_result("general", trace(PTRACE_GETREGSET, pid, NT_PRSTATUS, (unsigned long)&iov));
	say("%zu bytes, rbx %#lx", iov.iov_len,
	    (unsigned long)((struct user_regs_struct *)buffer)->rbx);
	iov.iov_len = 16;
	say_result("a part", trace(PTRACE_GETREGSET, pid, NT_PRSTATUS, (unsigned long)&iov));
	say("%zu bytes", iov.iov_len);
	iov.iov_len = 15;
	say_result("an odd part", trace(PTRACE_GETREGSET, pid, NT_PRSTATUS, (unsigned long)&iov));
	iov.iov_len = sizeof(buffer);
	say_result("FPU", trace(PTRACE_GETREGSET, pid, NT_PRFPREG, (unsigned long)&iov));
	say("%zu bytes", iov.iov_len);
	iov.iov_len = sizeof(buffer);
	say_result("unknown", trace(PTRACE_GETREGSET, pid, 0x7777, (unsigned long)&iov));
	iov.iov_len = 576;
	say_result("xstate", trace(PTRACE_GETREGSET, pid, NT_X86_XSTATE, (unsigned long)&iov));
	say("%zu bytes, x87 and SSE: %d", iov.iov_len, (buffer[464] & 3) == 3);
	iov.iov_len = sizeof(buffer);
	say_result("xstate", trace(PTRACE_GETREGSET, pid, NT_X86_XSTATE, (unsigned long)&iov));
	double x = 3.5;
	memcpy(buffer + 160 + 7 * 16, &x, sizeof(x));
	buffer[512] |= 3;
	say_result("set it", trace(PTRACE_SETREGSET, pid, NT_X86_XSTATE, (unsigned long)&iov));
	buffer[527] = 0x40; /* compacted: not in this form */
	say_result("a bad header",
		   trace(PTRACE_SETREGSET, pid, NT_X86_XSTATE, (unsigned long)&iov));
	iov.iov_len = 64;
	say_result("set a part", trace(PTRACE_SETREGSET, pid, NT_X86_XSTATE, (unsigned long)&iov));
	say_result("a bad vector", trace(PTRACE_GETREGSET, pid, NT_PRSTATUS, 16));
	trace(PTRACE_CONT, pid, 0, 0);
	see("tracee", pid);
}

/* ---- memory ---- */

static volatile long variable = 55;
static volatile long *constant; /* in a page that may only be read */

static void make_constant(void)
{
	constant = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	*constant = 66;
	mprotect((void *)constant, 4096, PROT_READ);
}

static long *shared_word;

/* Three pages without any access; the first has been written to. */
static char *forbidden;

static void make_forbidden(void)
{
	forbidden =
		mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	strcpy(forbidden + 16, "forbidd");
	mprotect(forbidden, 3 * 4096, PROT_NONE);
}

static void looks(void)
{
	raise(SIGUSR1);
	say("tracee: %ld %ld %ld", variable, *constant, *(volatile long *)shared_word);
}

static void memory(void)
{
	unsigned long word = 0;
	pid_t pid;

	say("-- memory");
	shared_word = mmap(NULL, 4096, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid = start_traced(looks);
	trace(PTRACE_CONT, pid, 0, 0);
	see("tracee", pid);
	say_result("peek",
		   trace(PTRACE_PEEKDATA, pid, (unsigned long)&variable, (unsigned long)&word));
	say("%ld", (long)word);
	say_result("poke", trace(PTRACE_POKEDATA, pid, (unsigned long)&variable, 77));
	say_result("poke a constant", trace(PTRACE_POKETEXT, pid, (unsigned long)constant, 88));
	say_result("peek a constant",
		   trace(PTRACE_PEEKTEXT, pid, (unsigned long)constant, (unsigned long)&word));
	say("%ld, here still %ld", (long)word, *constant);
	for (int i = 0; i < 3; i++) {
		say_result("peek what is forbidden",
			   trace(PTRACE_PEEKDATA, pid, (unsigned long)forbidden + 16 + i * 4096,
				 (unsigned long)&word));
		say("%#lx", word);
	}
	say_result("poke shared memory",
		   trace(PTRACE_POKEDATA, pid, (unsigned long)shared_word, 99));
	say_result("poke code", trace(PTRACE_POKETEXT, pid, (unsigned long)known_stop, 0));
	say("ours: %#x", *(const unsigned char *)known_stop);
	trace(PTRACE_CONT, pid, 0, 0);
	see("tracee", pid);
	say("%ld", variable);
}

/* ---- single steps ---- */

extern const char step_0[], step_1[], step_2[], step_3[], step_4[];

static void steps(void)
{
	long ret = SYS_getppid;

	__asm__ volatile("int3\n"
			 ".globl step_0\nstep_0: nop\n"
			 ".globl step_1\nstep_1: pushf; popf\n\t"
			 "syscall\n"
			 ".globl step_2\nstep_2: nop\n"
			 ".globl step_3\nstep_3: nop\n"
			 ".globl step_4\nstep_4: int3"
			 : "+a"(ret)
			 :
			 : "rcx", "r11", "memory");
}

static const char *place(unsigned long rip)
{
	static char offset[32];

	if (rip < (unsigned long)step_0 || rip > (unsigned long)step_4 + 1)
		return "elsewhere";
	snprintf(offset, sizeof(offset), "+%lu", rip - (unsigned long)step_0);
	return offset;
}

static void single_steps(void)
{
	pid_t pid = start_traced(steps);
	int status;

	say("-- single steps");
	trace(PTRACE_CONT, pid, 0, 0);
	see("steps", pid);
	for (int i = 0; i < 8; i++) {
		say_result("step", trace(PTRACE_SINGLESTEP, pid, 0, 0));
		status = see("steps", pid);
		if (!WIFSTOPPED(status))
			break;
		say("at %s, code %#x, trap flag %lu", place(peek_user(pid, REG(rip))),
		    siginfo(pid).si_code, peek_user(pid, REG(eflags)) >> 8 & 1);
	}
	trace(PTRACE_CONT, pid, 0, 0);
	see("steps", pid);
}

static void handler(int sig)
{
	(void)sig;
}

static void handles(void)
{
	signal(SIGUSR1, handler);
	raise(SIGUSR1);
}

static void step_into_handler(void)
{
	pid_t pid = start_traced(handles);

	say("-- a step into a handler");
	trace(PTRACE_CONT, pid, 0, 0);
	see("handler", pid);
	trace(PTRACE_SINGLESTEP, pid, 0, SIGUSR1);
	see("handler", pid);
	say("at its first instruction: %d, code %#x",
	    peek_user(pid, REG(rip)) == (unsigned long)handler, siginfo(pid).si_code);
	trace(PTRACE_SINGLESTEP, pid, 0, 0);
	see("handler", pid);
	trace(PTRACE_CONT, pid, 0, 0);
	see("handler", pid);
}

int main(void)
{
	alarm(60);
	make_constant();
	make_forbidden();
	registers();
	register_sets();
	memory();
	single_steps();
	step_into_handler();
	return 0;
}
