/*
 * A far return or an IRET of user mode. On Linux, on a real CPU, it comes back. An emulator may
 * read the stack with the kernel's rights, which SMAP forbids: then it is SIGSEGV. It never goes on
 * for ever.
 */
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static void far_return(void)
{
	__asm__ volatile("push $0x33; push $1f; lretq; 1:" ::: "memory");
}
static void interrupt_return(void)
{
	__asm__ volatile("mov %%rsp, %%rax; push $0x2b; push %%rax; pushf; push $0x33; push $1f; "
			 "iretq; 1:" ::
				 : "rax", "memory");
}
/* The stack's page is not there yet. */
static void far_return_on_new_stack(void)
{
	__asm__ volatile("mov %%rsp, %%rbx; sub $65536, %%rsp; push $0x33; push $1f; lretq; "
			 "1: mov %%rbx, %%rsp" ::
				 : "rbx", "memory");
}

static int run(const char *what, void (*fn)(void))
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		alarm(20);
		fn();
		_exit(0);
	}
	waitpid(pid, &status, 0);
	printf("%s: %s\n", what,
	       status == 0                                          ? "came back"
	       : WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV ? "SIGSEGV"
								    : "WRONG");
	return status == 0 || (WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

int main(void)
{
	int ok = run("far return", far_return);

	ok &= run("interrupt return", interrupt_return);
	ok &= run("far return on a new stack", far_return_on_new_stack);
	return !ok;
}
