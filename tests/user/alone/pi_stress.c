/*
 * Processes that lock a few PI futexes in any order, with time-outs, change each other's priority,
 * write nonsense into the words, and die at any moment: of their own will or by SIGKILL.
 *
 *   pi_stress [SEED [ROUNDS]]
 *
 * Bident only: it says nothing but that it came to its end, and then the kernel must have forgotten
 * it all.
 */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <errno.h>

#define WORDS   4
#define WORKERS 6

static uint32_t *word;
static volatile pid_t *worker;
static uint64_t state;

static unsigned below(unsigned n)
{
	uint64_t z = state += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return (z ^ (z >> 31)) % n;
}

static long futex(uint32_t *at, int op, const struct timespec *until)
{
	return syscall(SYS_futex, at, op, 1, until, NULL, 0);
}

/* syscall(): musl does not do this for the process. */
static void set_priority(pid_t pid)
{
	struct sched_param param = {.sched_priority = below(3) ? 0 : 1 + below(50)};

	if (param.sched_priority)
		syscall(SYS_sched_setscheduler, pid, below(2) ? SCHED_FIFO : SCHED_RR, &param);
	else
		syscall(SYS_sched_setscheduler, pid, SCHED_OTHER, &param);
	if (below(4) == 0)
		setpriority(PRIO_PROCESS, pid, (int)below(40) - 20);
}

static void lock(uint32_t *at)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += below(3000000);
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	if (futex(at, below(8) ? FUTEX_LOCK_PI2 : FUTEX_TRYLOCK_PI, &until) == 0)
		return;
	/* Its owner is dead, or somebody has made it unusable. */
	if (errno == ESRCH || errno == EINVAL)
		*at = below(2) ? 0 : FUTEX_OWNER_DIED;
}

static void work(int nr)
{
	static struct robust_list_head head;
	static struct {
		struct robust_list entry;
		uint32_t own;
	} robust;
	pid_t me = getpid();

	state += (uint64_t)me << 32 | (unsigned)nr;
	head.list.next = (void *)((char *)&robust.entry + 1);
	robust.entry.next = &head.list;
	head.futex_offset = (char *)&word[nr % WORDS] - (char *)&robust.entry;
	syscall(SYS_set_robust_list, below(2) ? &head : NULL, sizeof(head));
	for (;;) {
		uint32_t *at = &word[below(WORDS)];

		switch (below(64)) {
		case 0:
			_exit(0); /* with what it holds */
		case 1:
			set_priority(worker[below(WORKERS)]);
			break;
		case 2:
			*at = below(2) ? (uint32_t)me : (uint32_t)worker[below(WORKERS)];
			break;
		case 3:
			syscall(SYS_futex, at, below(2) ? FUTEX_WAKE : FUTEX_REQUEUE, 1, 1, at + 1,
				0);
			break;
		case 4:
			sched_yield();
			break;
		default:
			if (below(2))
				lock(at);
			else
				futex(at, FUTEX_UNLOCK_PI, NULL);
		}
	}
}

static void start(int nr)
{
	pid_t pid = fork();

	if (pid == 0)
		work(nr);
	worker[nr] = pid;
	state += 77;
}

int main(int argc, char **argv)
{
	struct sched_param best = {.sched_priority = 90}, none = {.sched_priority = 0};
	int rounds = argc > 2 ? atoi(argv[2]) : 200, killed = 0, ended = 0;

	state = argc > 1 ? (uint64_t)atoi(argv[1]) : 1;
	word = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	worker = (pid_t *)(word + 512);
	syscall(SYS_sched_setscheduler, 0, SCHED_FIFO | SCHED_RESET_ON_FORK, &best);
	for (int i = 0; i < WORKERS; i++)
		start(i);
	for (int round = 0; round < rounds; round++) {
		struct timespec soon = {.tv_nsec = 1000000 + below(8000000)};
		int nr = below(WORKERS);

		nanosleep(&soon, NULL);
		if (below(2)) {
			kill(worker[nr], SIGKILL);
			killed++;
		}
		for (int i = 0; i < WORKERS; i++)
			if (waitpid(worker[i], NULL, WNOHANG) == worker[i]) {
				ended++;
				start(i);
			}
	}
	for (int i = 0; i < WORKERS; i++) {
		kill(worker[i], SIGKILL);
		waitpid(worker[i], NULL, 0);
	}
	syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, &none);
	printf("killed some: %s; ended some: %s\n", killed ? "yes" : "no",
	       ended > killed / 2 ? "yes" : "no");
	return 0;
}
