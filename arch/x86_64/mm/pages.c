/*
 * Clearing and copying whole pages: most of the cost of a copy on write.
 *
 * The string instructions work everywhere, and are the fastest on CPUs with ERMS. Other CPUs use
 * AVX, 32 bytes at a time. The register belongs to the running program, so it is saved and restored
 * with preemption off: a task switch would save the wrong value, and a kernel thread has no image
 * to save it in.
 */
#include "arch/x86_64/arch.h"
#include "arch/x86_64/mm/paging.h"

bool pages_by_avx;

struct saved_register {
	u8 ymm[32];
};

#define REPEAT_4(insn, at) insn(at) insn(at + 32) insn(at + 64) insn(at + 96)
#define REPEAT_16(insn) \
	REPEAT_4(insn, 0) REPEAT_4(insn, 128) REPEAT_4(insn, 256) REPEAT_4(insn, 384)
#define CLEAR_32(at) "vmovdqa %%ymm0, " #at "(%0);"
#define COPY_32(at)  "vmovdqa " #at "(%1), %%ymm0; vmovdqa %%ymm0, " #at "(%0);"

static void clear_by_avx(char *to)
{
	struct saved_register saved;

	preempt_disable();
	__asm__ volatile("vmovdqu %%ymm0, %0; vpxor %%xmm0, %%xmm0, %%xmm0" : "=m"(saved));
	for (char *end = to + PAGE_SIZE; to < end; to += 512)
		__asm__ volatile(REPEAT_16(CLEAR_32)::"r"(to) : "memory");
	__asm__ volatile("vmovdqu %0, %%ymm0" ::"m"(saved));
	preempt_enable_no_resched(); /* a waiting task runs at the next preemption point */
}

static void copy_by_avx(char *to, const char *from)
{
	struct saved_register saved;

	preempt_disable();
	__asm__ volatile("vmovdqu %%ymm0, %0" : "=m"(saved));
	for (char *end = to + PAGE_SIZE; to < end; to += 512, from += 512)
		__asm__ volatile(REPEAT_16(COPY_32)::"r"(to), "r"(from) : "memory");
	__asm__ volatile("vmovdqu %0, %%ymm0" ::"m"(saved));
	preempt_enable_no_resched();
}

void clear_page(void *page)
{
	u64 words = PAGE_SIZE / 8;

	if (pages_by_avx)
		clear_by_avx(page);
	else
		__asm__ volatile("rep stosq" : "+D"(page), "+c"(words) : "a"(0UL) : "memory");
}

void copy_page(void *dst, const void *src)
{
	u64 words = PAGE_SIZE / 8;

	if (pages_by_avx)
		copy_by_avx(dst, src);
	else
		__asm__ volatile("rep movsq" : "+D"(dst), "+S"(src), "+c"(words)::"memory");
}
