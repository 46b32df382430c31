/* Sets of CPUs. Loops look only at the words that a started CPU can be in. */
#pragma once

#include "arch/x86_64/cpu/percpu.h"
#include "kernel/lib/atomic.h"
#include "kernel/lib/bitmap.h"

#define CPU_WORDS BITS_TO_WORDS(MAX_CPUS)

struct cpumask {
	u64 bits[CPU_WORDS];
};

extern struct cpumask cpu_online_mask;

/* A bit instruction with a register finds the word by itself. */
static inline bool cpumask_test(const struct cpumask *m, u32 cpu)
{
	bool in;

	__asm__ volatile("btq %2, %1" : "=@ccc"(in) : "m"(*m), "r"((u64)cpu));
	return in;
}
/* Atomic, and in order with all other memory accesses. */
static inline void cpumask_set(struct cpumask *m, u32 cpu)
{
	__asm__ volatile("lock btsq %1, %0" : "+m"(*m) : "r"((u64)cpu) : "memory", "cc");
}
static inline void cpumask_clear(struct cpumask *m, u32 cpu)
{
	__asm__ volatile("lock btrq %1, %0" : "+m"(*m) : "r"((u64)cpu) : "memory", "cc");
}
static inline struct cpumask cpumask_of(u32 cpu)
{
	struct cpumask m = {0};

	bitmap_set(m.bits, cpu);
	return m;
}
static inline struct cpumask cpumask_and(const struct cpumask *a, const struct cpumask *b)
{
	struct cpumask m;

	for (u32 i = 0; i < CPU_WORDS; i++)
		m.bits[i] = a->bits[i] & b->bits[i];
	return m;
}
/* The first CPU of the set, or MAX_CPUS. */
static inline u32 cpumask_first(const struct cpumask *m)
{
	return (u32)bitmap_find_set(m->bits, MAX_CPUS, 0);
}
static inline bool cpumask_empty(const struct cpumask *m)
{
	u64 any = READ_ONCE(m->bits[0]);

	for (u32 i = 1; i < nr_cpu_words; i++)
		any |= READ_ONCE(m->bits[i]);
	return !any;
}
static inline u32 cpumask_count(const struct cpumask *m)
{
	u32 n = 0;

	for (u32 i = 0; i < CPU_WORDS; i++)
		for (u64 word = m->bits[i]; word; word &= word - 1)
			n++;
	return n;
}
/* How many CPUs are in both. */
static inline u32 cpumask_common(const struct cpumask *a, const struct cpumask *b)
{
	struct cpumask both = cpumask_and(a, b);

	return cpumask_count(&both);
}
