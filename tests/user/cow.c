/* After fork() memory is each process's own: whoever writes, in whatever order, over many pages. */
#include "check.h"

#define PAGE  4096UL
#define PAGES 1500UL /* several page tables */

static unsigned char *memory;

static unsigned long sum(void)
{
	unsigned long s = 0;

	for (unsigned long i = 0; i < PAGES; i++)
		s = s * 31 + memory[i * PAGE] + memory[i * PAGE + PAGE - 1];
	return s;
}

static void fill(unsigned int seed)
{
	for (unsigned long i = 0; i < PAGES; i++) {
		memory[i * PAGE] = seed + i;
		memory[i * PAGE + PAGE - 1] = seed ^ i;
	}
}

static void child_writes(void)
{
	unsigned long before = sum();
	pid_t pid = must_fork();

	if (pid == 0) {
		TRUTH(sum() == before);
		fill(77);
		TRUTH(sum() != before);
		_exit(0);
	}
	reap("child that writes", pid);
	TRUTH(sum() == before);
}

static void parent_writes(void)
{
	struct gate go = gate_make();
	unsigned long before = sum();
	pid_t pid = must_fork();

	if (pid == 0) {
		gate_wait(&go);
		say("child: sees what was there at the fork: %s", sum() == before ? "yes" : "NO");
		_exit(0);
	}
	fill(99);
	gate_open(&go);
	reap("child that looks", pid);
	TRUTH(sum() != before);
}

/* Every generation changes one page in ten and forks; each must see its own mixture. */
static void generations(void)
{
	for (int depth = 0; depth < 8; depth++) {
		unsigned long expected = 0;
		for (unsigned long i = depth; i < PAGES; i += 10)
			memory[i * PAGE] = depth;
		for (unsigned long i = 0; i < PAGES; i++)
			expected = expected * 31 + memory[i * PAGE] + memory[i * PAGE + PAGE - 1];
		pid_t pid = must_fork();
		if (pid != 0) {
			int status;
			for (unsigned long i = 0; i < PAGES; i += 7)
				memory[i * PAGE + 8] = 1; /* written while the child lives */
			waitpid(pid, &status, 0);
			bool ok =
				WIFEXITED(status) && WEXITSTATUS(status) == 0 && sum() == expected;
			if (depth == 0) {
				say("eight generations: %s", ok ? "each saw its own" : "MIXED UP");
				return;
			}
			_exit(!ok);
		}
	}
	_exit(0);
}

/* The kernel writes too: into pages that are shared since the fork. */
static void kernel_writes(void)
{
	int fd[2];

	fill(1);
	memory[0] = 'p';
	if (pipe(fd) != 0)
		return;
	pid_t pid = must_fork();
	if (pid == 0) {
		if (write(fd[1], "child", 5) != 5 || read(fd[0], memory, 5) != 5)
			_exit(1);
		say("child read: %.5s", memory);
		_exit(0);
	}
	reap("child", pid);
	say("the parent keeps '%c'", memory[0]);
}

static void siblings(void)
{
	struct gate go = gate_make();
	pid_t pid[6];

	fill(5);
	unsigned long before = sum();
	for (int i = 0; i < 6; i++) {
		pid[i] = must_fork();
		if (pid[i] == 0) {
			gate_wait(&go);
			fill(i * 40);
			unsigned long mine = sum();
			sched_yield();
			fill(i * 40);
			_exit(sum() == mine ? i : 50);
		}
	}
	for (int i = 0; i < 6; i++)
		gate_open(&go);
	for (int i = 0; i < 6; i++)
		reap("sibling", pid[i]);
	TRUTH(sum() == before);
}

static void untouched_pages_stay_zero(void)
{
	unsigned char *fresh =
		mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	long s = fresh[0]; /* the zero page, shared */
	pid_t pid = must_fork();

	if (pid == 0) {
		for (int i = 0; i < 64; i++)
			fresh[i * PAGE] = 1;
		_exit(0);
	}
	reap("writer", pid);
	for (unsigned long i = 0; i < 64 * PAGE; i++)
		s += fresh[i];
	say("sum %ld", s);
}

int main(void)
{
	memory = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		      0);
	fill(3);
	child_writes();
	parent_writes();
	generations();
	kernel_writes();
	siblings();
	untouched_pages_stay_zero();
	return 0;
}
