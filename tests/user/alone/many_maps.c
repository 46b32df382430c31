/* Many mappings that cannot become one, made, unmapped in another order, and made again. Prints how
 * long each thousand took; ends with 0 if none of them was lost. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#define N    10000
#define PAGE 4096UL

static char *maps[N];

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static void make(int i)
{
	int prot = i % 2 ? PROT_READ | PROT_WRITE : PROT_READ;

	maps[i] = mmap(NULL, (size_t)(1 + i % 3) * PAGE, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (maps[i] == MAP_FAILED) {
		perror("mmap");
		exit(1);
	}
	if (prot & PROT_WRITE)
		*(int *)maps[i] = i;
}

int main(void)
{
	double start = now(), last = start;
	int wrong = 0;

	for (int i = 0; i < N; i++) {
		make(i);
		if (i % 2000 == 1999) {
			printf("%d: %.3f s\n", i + 1, now() - last);
			last = now();
		}
	}
	for (int i = 0; i < N; i += 7) {
		munmap(maps[i], (size_t)(1 + i % 3) * PAGE);
		make(i);
	}
	printf("some anew: %.3f s\n", now() - last);
	last = now();
	for (int i = 1; i < N; i += 2)
		wrong += *(int *)maps[i] != i;
	for (int i = 0; i < N; i++)
		wrong += munmap(maps[i * 7919L % N], (size_t)(1 + i * 7919L % N % 3) * PAGE) != 0;
	printf("unmapped: %.3f s\nin all: %.3f s\n", now() - last, now() - start);
	return wrong != 0;
}
