/* A thread that is not the leader becomes another program: its arguments. */
#include <pthread.h>
#include <unistd.h>

static void *become(void *argv)
{
	char **words = argv;

	execv(words[0], words);
	_exit(99);
}

int main(int argc, char **argv)
{
	pthread_t thread;

	if (argc < 2 || pthread_create(&thread, NULL, become, argv + 1))
		return 98;
	pthread_join(thread, NULL);
	return 97;
}
