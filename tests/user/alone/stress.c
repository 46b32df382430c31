/*
 * stress SEED [ROUNDS]: four processes that, driven by the seed, fork, vfork, exec, clone threads,
 * wait for each other by futexes and write to memory that they share with their parents until they
 * write. Each step checks what it can: statuses, sums, contents. The last line says how many went
 * wrong.
 */
#include "../check.h"

#include <pthread.h>

#define WORKERS 4
#define PAGES   24
#define PAGE    4096
#define THREADS 3
#define TURNS   40

static uint64_t state; /* of this process's generator */
static volatile uint64_t *memory;
static uint64_t expected[PAGES];
static const char *self;

static unsigned int pick(unsigned int n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned int)(state >> 24) % n;
}

static bool ended_with(pid_t pid, int code)
{
	int status = -1;

	return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
	       WEXITSTATUS(status) == code;
}

/* Both ends of each page, so that a page that was copied in part shows. */
static void write_page(int i, uint64_t value)
{
	memory[i * (PAGE / 8)] = memory[i * (PAGE / 8) + PAGE / 8 - 1] = expected[i] = value;
}

static bool memory_is_right(void)
{
	for (int i = 0; i < PAGES; i++)
		if (memory[i * (PAGE / 8)] != expected[i] ||
		    memory[i * (PAGE / 8) + PAGE / 8 - 1] != expected[i])
			return false;
	return true;
}

static void scribble(void)
{
	for (unsigned int n = pick(PAGES); n > 0; n--)
		write_page((int)pick(PAGES), state);
}

/* Down to `depth` generations, all of which write to what they have from their parents. */
static bool fork_and_write(int depth)
{
	int code = (int)pick(64);
	uint64_t before = state;
	pid_t pid = fork();
	bool right;

	if (pid == 0) {
		state = before ^ 0x9e3779b97f4a7c15;
		scribble();
		if (depth > 1 && !fork_and_write(depth - 1))
			_exit(99);
		_exit(memory_is_right() ? code : 98);
	}
	scribble();
	right = memory_is_right();
	return ended_with(pid, code) && right && memory_is_right();
}

static bool vfork_and_exec(void)
{
	char code[8];
	pid_t pid;

	snprintf(code, sizeof(code), "%u", pick(64));
	pid = pick(2) ? vfork() : fork();
	if (pid == 0) {
		execl(self, self, "exit", code, NULL);
		_exit(97);
	}
	return ended_with(pid, atoi(code));
}

static pid_t start(int code, bool borrow)
{
	pid_t pid = borrow ? vfork() : fork();

	if (pid == 0)
		_exit(code);
	return pid;
}

static bool many_at_once(void)
{
	pid_t pids[6];
	bool right = true;

	for (int i = 0; i < 6; i++)
		pids[i] = start(i, pick(3) == 0);
	for (int i = 5; i >= 0; i--)
		right &= ended_with(pids[i], i);
	return right;
}

/* ---- threads ---- */

static pthread_mutex_t mutex;
static pthread_cond_t turned;
static int turn, sum;

static void *take_turns(void *arg)
{
	int me = (int)(long)arg;

	for (int i = 0; i < TURNS; i++) {
		pthread_mutex_lock(&mutex);
		while (turn != me)
			pthread_cond_wait(&turned, &mutex);
		turn = (me + 1) % THREADS;
		sum++;
		pthread_cond_broadcast(&turned);
		pthread_mutex_unlock(&mutex);
		/* Threads write to pages of their own, which a child of the first one may share. */
		for (int page = me; page < PAGES; page += THREADS)
			write_page(page, expected[page] + 1);
	}
	return NULL;
}

static bool threads_and_a_fork(void)
{
	pthread_t thread[THREADS];
	int started = 0;
	bool right = true;
	pid_t pid;

	pthread_mutex_init(&mutex, NULL);
	pthread_cond_init(&turned, NULL);
	turn = sum = 0;
	for (long i = 0; i < THREADS; i++)
		started += pthread_create(&thread[i], NULL, take_turns, (void *)i) == 0;
	if (started != THREADS)
		_exit(96); /* those that run would wait for the others */
	pid = fork();
	if (pid == 0)
		_exit(7);
	right = ended_with(pid, 7);
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	return right && sum == THREADS * TURNS && memory_is_right();
}

static bool one_step(void)
{
	switch (pick(6)) {
	case 0:
		return vfork_and_exec();
	case 1:
		return many_at_once();
	case 2:
		return threads_and_a_fork();
	default:
		return fork_and_write(1 + (int)pick(3));
	}
}

static int work(int rounds)
{
	int bad = 0;

	for (int i = 0; i < rounds; i++)
		bad += !one_step();
	return bad > 90 ? 90 : bad;
}

int main(int argc, char **argv)
{
	unsigned long seed = argc > 1 ? strtoul(argv[1], NULL, 0) : 1;
	int rounds = argc > 2 ? atoi(argv[2]) : 20, bad = 0;
	pid_t pids[WORKERS];

	if (argc > 2 && strcmp(argv[1], "exit") == 0)
		return atoi(argv[2]);
	self = argv[0];
	memory = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		      0);
	if (memory == MAP_FAILED)
		return 95;
	for (int i = 0; i < WORKERS; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			state = (seed * WORKERS + (unsigned long)i + 1) * 0x9e3779b97f4a7c15;
			_exit(work(rounds));
		}
	}
	for (int i = 0; i < WORKERS; i++)
		bad += !ended_with(pids[i], 0);
	say("stress %lu: %d of %d workers saw something wrong", seed, bad, WORKERS);
	return bad != 0;
}
