/* Three threads that work one after the other, and end so. While one works all others wait. */
#define _GNU_SOURCE
#include <dirent.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static sem_t go[4], done;
volatile int counts[4];

/* Of a thread of ours: R, S, … */
static char state_of(int tid)
{
	char path[64], text[64] = "";
	FILE *file;
	char state = 0;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	file = fopen(path, "r");
	if (!file)
		return 0;
	if (fgets(text, sizeof(text), file) && sscanf(text, "%*d (%*[^)]) %c", &state) != 1)
		state = 0;
	fclose(file);
	return state;
}

/* How many other threads there are, and how many of them wait. */
static int count_others(int *waiting)
{
	DIR *folder = opendir("/proc/self/task");
	struct dirent *entry;
	int others = 0;

	*waiting = 0;
	while ((entry = readdir(folder)))
		if (atoi(entry->d_name) && atoi(entry->d_name) != gettid()) {
			others++;
			*waiting += state_of(atoi(entry->d_name)) == 'S';
		}
	closedir(folder);
	return others;
}

static void wait_until_alone(void)
{
	int waiting;

	while (count_others(&waiting) > waiting)
		usleep(1000);
}

/* An ended thread is gone only when its tracer has seen the end. */
static void wait_until_gone(int left)
{
	int waiting;

	while (count_others(&waiting) > left)
		usleep(1000);
}

void work(int n)
{
	counts[n] += n;
	counts[0]++;
}

static void *thread(void *arg)
{
	int n = (int)(long)arg;

	sem_wait(&go[n]);
	wait_until_alone();
	work(n);
	sem_post(&done);
	sem_wait(&go[n]);
	return NULL;
}

void all_worked(void)
{
	printf("%d: %d %d %d\n", counts[0], counts[1], counts[2], counts[3]);
	fflush(stdout);
}

int main(void)
{
	pthread_t threads[4];

	for (long i = 1; i <= 3; i++)
		if (pthread_create(&threads[i], NULL, thread, (void *)i))
			return 2;
	for (int i = 1; i <= 3; i++) {
		sem_post(&go[i]);
		sem_wait(&done);
	}
	wait_until_alone();
	all_worked();
	for (int i = 1; i <= 3; i++) {
		sem_post(&go[i]);
		pthread_join(threads[i], NULL);
		wait_until_gone(3 - i);
	}
	return 0;
}
