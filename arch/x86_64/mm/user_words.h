/* Single words of user memory, to fill or read a structure in place. Between user_access_begin()
 * and user_access_end() each user_put() is one instruction, which goes to `fault` if the address is
 * bad. May sleep, as user_copy.h. */
#pragma once

#include "arch/x86_64/mm/pte.h"
#include "arch/x86_64/mm/user_copy.h"

/* STAC and CLAC on CPUs with SMAP: as SMAP_SITE in entry/asm.inc. */
#define SMAP_SITE(bytes)                                      \
	__asm__ volatile("1:	.byte 0x0f, 0x1f, 0x00\n"        \
			 "	.pushsection .smap_sites, \"a\"\n" \
			 "	.quad 1b, " #bytes "\n"       \
			 "	.popsection" ::               \
				 : "memory")

/* If the instruction at label 1 faults, go on at the C label `fault`. */
#define OR_GO_TO_FAULT                     \
	"	.pushsection .ex_table, \"a\"\n" \
	"	.quad 1b, %l[fault]\n"           \
	"	.popsection"

/* False if [addr, addr + n) is not in the user's half. */
static inline bool __must_check user_access_begin(u64 addr, size_t n)
{
	if (n > TASK_SIZE || addr > TASK_SIZE - n)
		return false;
	SMAP_SITE(0x00cb010f);
	return true;
}

static inline void user_access_end(void)
{
	SMAP_SITE(0x00ca010f);
}

#define user_put(value, ptr, fault)                                                            \
	do {                                                                                   \
		typeof(*(ptr)) __val = (value);                                                \
		__asm__ goto("1:	mov %0, %1\n" OR_GO_TO_FAULT ::"r"(__val), "m"(*(ptr)) \
			     : "memory"                                                        \
			     : fault);                                                         \
	} while (0)

/* If the address is bad, `bad` becomes true and `var` 0. */
#define user_get(var, ptr, bad)                                  \
	__asm__ volatile("1:	mov %2, %0\n"                       \
			 "2:	.pushsection .text.fixup, \"ax\"\n" \
			 "3:	movb $1, %1\n"                      \
			 "	xorl %k0, %k0\n"                      \
			 "	jmp 2b\n"                             \
			 "	.popsection\n"                        \
			 "	.pushsection .ex_table, \"a\"\n"      \
			 "	.quad 1b, 3b\n"                       \
			 "	.popsection"                          \
			 : "=r"(var), "+r"(bad)                  \
			 : "m"(*(ptr)))
