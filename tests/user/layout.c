/* Where exec puts the parts of a program: at random places, from run to run. */
#include "check.h"

#define RUNS 40

struct places {
	uintptr_t stack, heap, mmap;
};

static struct places look(void)
{
	char here;

	return (struct places){
		.stack = (uintptr_t)&here,
		.heap = (uintptr_t)sbrk(0),
		.mmap = (uintptr_t)mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
	};
}

static struct places look_in_child(const char *self)
{
	struct places p = {0};
	int fd[2], status;

	if (pipe(fd) != 0)
		_exit(1);
	pid_t pid = must_fork();
	if (pid == 0) {
		dup2(fd[1], 1);
		execl(self, self, "look", NULL);
		_exit(1);
	}
	if (read(fd[0], &p, sizeof(p)) != sizeof(p))
		say("no places");
	waitpid(pid, &status, 0);
	close(fd[0]);
	close(fd[1]);
	return p;
}

static int compare(const void *a, const void *b)
{
	uintptr_t x = *(const uintptr_t *)a, y = *(const uintptr_t *)b;

	return x < y ? -1 : x > y;
}

/* 40 draws of `bits` random bits of page number: nearly all differ, and their range is at least
 * half of what is possible and never more. `spread` is what other things add. */
static void judge(const char *what, uintptr_t *v, int bits, uintptr_t spread)
{
	uintptr_t all = 4096UL << bits, range;
	int different = 1;

	qsort(v, RUNS, sizeof(*v), compare);
	for (int i = 1; i < RUNS; i++)
		different += v[i] != v[i - 1];
	range = v[RUNS - 1] - v[0];
	say("%s: %s, %s", what, different > RUNS * 3 / 4 ? "differs" : "THE SAME",
	    range > all / 2 && range < all + spread ? "by as much as it should" : "BADLY");
}

int main(int argc, char **argv)
{
	static uintptr_t stack[RUNS], heap[RUNS], maps[RUNS];

	if (argc > 1) {
		struct places p = look();
		return write(1, &p, sizeof(p)) != sizeof(p);
	}
	for (int i = 0; i < RUNS; i++) {
		struct places p = look_in_child(argv[0]);
		stack[i] = p.stack;
		heap[i] = p.heap;
		maps[i] = p.mmap;
	}
	judge("stack", stack, 22, 1 << 20);
	judge("heap", heap, 18, 1 << 20);
	judge("mappings", maps, 28, 1 << 20);
	char *brk_now = sbrk(0);
	RESULT(brk(brk_now + 12345));
	TRUTH((char *)sbrk(0) == brk_now + 12345);
	RESULT(brk(brk_now));
	return 0;
}
