/* Speculative execution: nothing is done against it, and that is said. */
#pragma once

#include "kernel/lib/types.h"

/* Write a sentence to buf: what is not done, and the faults that the CPU calls itself immune to.
 * `caps` is MSR IA32_ARCH_CAPABILITIES, `extended` EBX of CPUID leaf 0x80000008; each is 0 where
 * there is none. Pure: tests/unit/speculation_test.c. */
void speculation_text(char *buf, size_t n, u64 caps, u32 extended);
