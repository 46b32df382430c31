/* fork, vfork or both, each with a child that ends with a status of its own. */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

volatile int in_child, in_parent;

static void child_work(int status)
{
	in_child = status;
	_exit(status);
}

static void parent_work(pid_t pid)
{
	int status;

	waitpid(pid, &status, 0);
	in_parent = WEXITSTATUS(status);
}

static void use_fork(void)
{
	pid_t pid = fork();

	if (pid == 0)
		child_work(3);
	parent_work(pid);
}

static void use_vfork(void)
{
	pid_t pid = vfork();

	if (pid == 0)
		_exit(4);
	parent_work(pid);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], "fork"))
			use_fork();
		else
			use_vfork();
	printf("the last child ended with %d\n", in_parent);
	return 0;
}
