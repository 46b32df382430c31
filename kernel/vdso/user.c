/* The vDSO's program: runs in ring 3, in every process, wherever exec has put it. Reads the clock
 * without entering the kernel if that is the time-stamp counter; else makes the call. vdso(7). */
#include "kernel/lib/uapi.h"
#include "kernel/vdso/vdso_data.h"

#define EXPORT       __attribute__((visibility("default")))
#define NSEC         1000000000UL
#define CPU_SELECTOR 0x7b /* the segment whose limit is the CPU's number: arch/x86_64/cpu/gdt.c */

extern const volatile struct vdso_data vvar __attribute__((visibility("hidden")));

static long syscall(long nr, long a, long b, long c)
{
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(a), "S"(b), "d"(c)
			 : "rcx", "r11", "memory");
	return ret;
}

static u64 monotonic(void)
{
	u32 lo, hi;

	__asm__ volatile("lfence; rdtsc" : "=a"(lo), "=d"(hi)::"memory");
	return (u64)((unsigned __int128)(((u64)hi << 32 | lo) - vvar.base) * vvar.mult >> 32);
}

/* False for a clock that only the kernel can read. */
static bool read_clock(clockid_t clock, u64 *ns)
{
	if (!vvar.tsc)
		return false;
	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_REALTIME_COARSE:
		*ns = vvar.real_base + monotonic();
		return true;
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_MONOTONIC_COARSE:
	case CLOCK_BOOTTIME:
		*ns = monotonic();
		return true;
	default:
		return false;
	}
}

EXPORT int __vdso_clock_gettime(clockid_t clock, struct timespec *ts)
{
	u64 ns;

	if (!read_clock(clock, &ns))
		return (int)syscall(__NR_clock_gettime, clock, (long)ts, 0);
	ts->tv_sec = ns / NSEC;
	ts->tv_nsec = ns % NSEC;
	return 0;
}

EXPORT int __vdso_clock_getres(clockid_t clock, struct timespec *ts)
{
	return (int)syscall(__NR_clock_getres, clock, (long)ts, 0);
}

EXPORT int __vdso_gettimeofday(struct timeval *tv, struct timezone *tz)
{
	u64 ns;

	if (!read_clock(CLOCK_REALTIME, &ns))
		return (int)syscall(__NR_gettimeofday, (long)tv, (long)tz, 0);
	if (tv) {
		tv->tv_sec = ns / NSEC;
		tv->tv_usec = ns % NSEC / 1000;
	}
	if (tz)
		*tz = (struct timezone){0};
	return 0;
}

EXPORT long __vdso_time(long *t)
{
	u64 ns;

	if (!read_clock(CLOCK_REALTIME, &ns))
		return syscall(__NR_time, (long)t, 0, 0);
	if (t)
		*t = ns / NSEC;
	return ns / NSEC;
}

EXPORT long __vdso_getcpu(u32 *cpu, u32 *node, void *unused __maybe_unused)
{
	u32 limit;

	__asm__ volatile("lsl %1, %0" : "=r"(limit) : "r"(CPU_SELECTOR));
	if (cpu)
		*cpu = limit;
	if (node)
		*node = 0;
	return 0;
}
