/* I/O ports and memory-mapped device registers. */
#pragma once

#include "kernel/lib/types.h"

/* inb(), outb() and so on. */
#define PORT_ACCESS(suffix, type)                                                \
	static inline type in##suffix(u16 port)                                  \
	{                                                                        \
		type v;                                                          \
                                                                                 \
		__asm__ volatile("in" #suffix " %1, %0" : "=a"(v) : "Nd"(port)); \
		return v;                                                        \
	}                                                                        \
	static inline void out##suffix(u16 port, type v)                         \
	{                                                                        \
		__asm__ volatile("out" #suffix " %0, %1" ::"a"(v), "Nd"(port));  \
	}
PORT_ACCESS(b, u8)
PORT_ACCESS(w, u16)
PORT_ACCESS(l, u32)

/* Wait for about a microsecond: the time of a write to the unused POST port. */
static inline void io_delay(void)
{
	outb(0x80, 0);
}

static inline u32 mmio_read32(const volatile void *p)
{
	return *(const volatile u32 *)p;
}
static inline void mmio_write32(volatile void *p, u32 v)
{
	*(volatile u32 *)p = v;
}
static inline u64 mmio_read64(const volatile void *p)
{
	return *(const volatile u64 *)p;
}
