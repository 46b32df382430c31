/* For programs about rseq(2): the area, the call, and critical sections. */
#pragma once

#include "check.h"

#include <linux/membarrier.h>
#include <linux/rseq.h>
#ifdef __GLIBC__
#include <sys/rseq.h>
#endif

#define SIG 0x53053053u /* glibc's, before each abort handler */

/* struct rseq as of Linux 6.3: older headers end at the flags. */
struct area {
	uint32_t cpu_id_start, cpu_id;
	volatile uint64_t section; /* of a struct rseq_cs */
	uint32_t flags, node_id, mm_cid;
	uint32_t unused;
} __attribute__((aligned(32)));

static long rseq(volatile void *area, uint32_t len, int flags, uint32_t sig)
{
	return syscall(SYS_rseq, area, len, flags, sig);
}

static long begin(struct area *area)
{
	return rseq(area, sizeof(*area), 0, SIG);
}

/* Unregister the area that the C library has registered for this thread, if it has. */
static bool drop_own(void)
{
#ifdef __GLIBC__
	char *own = (char *)__builtin_thread_pointer() + __rseq_offset;

	return rseq(own, __rseq_size < 32 ? 32 : __rseq_size, RSEQ_FLAG_UNREGISTER, SIG) == 0;
#else
	return true;
#endif
}

/* The section runs from label 1 to label 2; label 4 is its abort handler, after the signature. */
#define SECTION_BEGIN                          \
	".pushsection rseq_sections, \"aw\"\n" \
	".balign 32\n"                         \
	"3: .long 0, 0\n"                      \
	"   .quad 1f, 2f - 1f, 4f\n"           \
	".popsection\n"                        \
	"	lea 3b(%%rip), %%rax\n"              \
	"	mov %%rax, %[section]\n"             \
	"1:\n"
#define SECTION_END                                                 \
	"2:\n"                                                      \
	".pushsection .text.unlikely, \"ax\"\n"                     \
	"	.byte 0x0f, 0xb9, 0x3d\n" /* ud1 SIG(%rip), %edi */ \
	"	.long 0x53053053\n"                                       \
	"4:	jmp %l[aborted]\n"                                      \
	".popsection\n"

/* Add 1 to cells[8 * *id] without an atomic instruction. *id is one of the area's ids. False: it
 * was disturbed and has added nothing. */
__attribute__((unused)) static bool add_in_section(struct area *area, volatile uint32_t *id,
						   volatile long *cells)
{
	uint32_t expected = *id;

	__asm__ goto volatile(SECTION_BEGIN "	cmp %[expected], %[id]\n"
					    "	jne %l[aborted]\n"
					    "	mov (%[cell]), %%rax\n"
					    "	mov $200, %%ecx\n"
					    "5:	dec %%ecx\n"
					    "	jnz 5b\n"
					    "	inc %%rax\n"
					    "	mov %%rax, (%[cell])\n" SECTION_END
			      :
			      : [section] "m"(area->section), [id] "m"(*id),
				[expected] "r"(expected), [cell] "r"(&cells[8ul * expected])
			      : "rax", "rcx", "cc", "memory"
			      : aborted);
	return true;
aborted:
	return false;
}

/* Set *inside, and stay in a section until *stop is set: false. True: it was aborted. */
__attribute__((unused)) static bool stay_in_section(struct area *area, volatile int *inside,
						    volatile int *stop)
{
	__asm__ goto volatile(
		SECTION_BEGIN "	movl $1, %[inside]\n"
			      "5:	pause\n"
			      "	cmpl $0, %[stop]\n"
			      "	je 5b\n" SECTION_END
		:
		: [section] "m"(area->section), [inside] "m"(*inside), [stop] "m"(*stop)
		: "rax", "cc", "memory"
		: aborted);
	return false;
aborted:
	return true;
}

__attribute__((unused)) static cpu_set_t cpus_allowed(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	(void)sched_getaffinity(0, sizeof(set), &set);
	return set;
}

/* Bind this thread to the first CPU that it may use. */
__attribute__((unused)) static void stay_on_one_cpu(void)
{
	cpu_set_t all = cpus_allowed(), one;
	int cpu = 0;

	while (!CPU_ISSET(cpu, &all))
		cpu++;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	(void)sched_setaffinity(0, sizeof(one), &one);
}

/* Run `fn` in a child on the CPU of this process, which disturbs it by waking up again and again.
 * Say how the child ended. */
__attribute__((unused)) static void in_disturbed_child(const char *what, void (*fn)(void))
{
	pid_t pid = must_fork();
	int status = 0, turns = 0;

	if (pid == 0) {
		fn();
		_exit(0);
	}
	while (waitpid(pid, &status, WNOHANG) == 0) {
		sleep_ms(1);
		if (++turns == 10000)
			kill(pid, SIGKILL);
	}
	say_status(what, status);
}
