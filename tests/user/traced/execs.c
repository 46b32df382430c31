/* Becomes another program: at once, after a fork, after a vfork, or from a second thread. */
#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void become(void)
{
	execl("/tests/traced/steps", "steps", "one", NULL);
	_exit(99);
}

static void *other_thread(void *arg)
{
	(void)arg;
	become();
	return NULL;
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "exec";
	pthread_t thread;
	pid_t pid;

	if (!strcmp(how, "exec"))
		become();
	if (!strcmp(how, "thread")) {
		pthread_create(&thread, NULL, other_thread, NULL);
		pthread_join(thread, NULL);
	}
	pid = !strcmp(how, "vfork") ? vfork() : fork();
	if (pid == 0)
		become();
	waitpid(pid, NULL, 0);
	return 0;
}
