/* The interrupt flag of this CPU. */
#pragma once

#include "kernel/lib/types.h"

#define X86_EFLAGS_IF (1UL << 9)
#ifndef X86_EFLAGS_AC
#define X86_EFLAGS_AC (1UL << 18)
#endif

#ifndef HOST_TEST
static inline u64 local_irq_save(void)
{
	u64 flags;

	__asm__ volatile("pushfq; popq %0; cli" : "=r"(flags)::"memory");
	return flags;
}
static inline void local_irq_restore(u64 flags)
{
	if (flags & X86_EFLAGS_IF)
		__asm__ volatile("sti" ::: "memory");
}
static inline void local_irq_enable(void)
{
	__asm__ volatile("sti" ::: "memory");
}
static inline void local_irq_disable(void)
{
	__asm__ volatile("cli" ::: "memory");
}
static inline bool irqs_enabled(void)
{
	u64 flags;

	__asm__ volatile("pushfq; popq %0" : "=r"(flags));
	return flags & X86_EFLAGS_IF;
}
#else /* a host program has no interrupts */
static inline u64 local_irq_save(void)
{
	return 0;
}
static inline void local_irq_restore(u64 flags)
{
	(void)flags;
}
static inline void local_irq_enable(void)
{
}
static inline void local_irq_disable(void)
{
}
static inline bool irqs_enabled(void)
{
	return true;
}
#endif
