/* What the files of forkbench share: raw system calls, the two clocks, samples, output. */
#pragma once

#include <stdint.h>
#include <time.h>

typedef uint64_t u64;

/* ---------- raw system calls ---------- */
static inline long sc(long n, long a, long b, long c, long d, long e, long f)
{
	long r;
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	__asm__ volatile("syscall"
			 : "=a"(r)
			 : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return r;
}
static inline long sc0(long n)
{
	long r;
	__asm__ volatile("syscall" : "=a"(r) : "a"(n) : "rcx", "r11", "memory");
	return r;
}
static inline long sc3(long n, long a, long b, long c)
{
	long r;
	__asm__ volatile("syscall"
			 : "=a"(r)
			 : "a"(n), "D"(a), "S"(b), "d"(c)
			 : "rcx", "r11", "memory");
	return r;
}
#define Fork()          sc0(57)
#define Exit(x)         sc3(231, (x), 0, 0)
#define Read(fd, p, n)  sc3(0, (fd), (long)(p), (n))
#define Write(fd, p, n) sc3(1, (fd), (long)(p), (n))
#define Close(fd)       sc3(3, (fd), 0, 0)
static inline long Wait(long pid)
{
	return sc(61, pid, 0, 0, 0, 0, 0);
}
static inline long Futex(volatile int *p, int op, int v)
{
	return sc(202, (long)p, op, v, 0, 0, 0);
}
static inline u64 rdtsc(void)
{
	unsigned lo, hi;
	__asm__ volatile("lfence; rdtsc" : "=a"(lo), "=d"(hi)::"memory");
	return ((u64)hi << 32) | lo;
}
static inline u64 nsnow(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000000000ull + (u64)ts.tv_nsec;
}

/* ---------- samples: BEGIN(), then T0() and T1() around what is measured, then report() ----------
 */
#define MAXS 128
extern u64 St[MAXS], Sn[MAXS]; /* of each sample: ticks of the time-stamp counter, and ns */
extern int S, reps;            /* samples so far, and how many there shall be */
extern u64 t0_, n0_;
#define BEGIN() (S = 0)
#define T0()                   \
	do {                   \
		n0_ = nsnow(); \
		t0_ = rdtsc(); \
	} while (0)
#define T1()                                    \
	do {                                    \
		u64 t_ = rdtsc(), n_ = nsnow(); \
		if (S < MAXS) {                 \
			St[S] = t_ - t0_;       \
			Sn[S] = n_ - n0_;       \
			S++;                    \
		}                               \
	} while (0)
#define WARM 3
#define ENDWARM(i)                   \
	do {                         \
		if ((i) == WARM - 1) \
			S = 0;       \
	} while (0)

/* Print what was measured, over `div` operations, as the row nm + sfx. */
void report2(const char *nm, const char *sfx, u64 div);
void report(const char *nm, u64 div);
/* The same for values that were measured elsewhere, ticks only. */
void one_tsc(const char *nm, const char *sfx, u64 *a, int n, u64 div);

/* ---------- output: at the end, or each row at once ---------- */
extern int immediate;
void oflush(void);
void oc(char c);
void os(const char *s);
void ou(u64 v);
void ocent(u64 v100);              /* hundredths */
void skip(const char *nm, long e); /* the row is left out: an error number */

/* ---------- traced.c ---------- */
void b_ptrace(void);
void b_tracefork(void);
