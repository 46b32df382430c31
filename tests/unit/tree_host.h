/* Stand-ins for what the page-table tree needs of the kernel, except the TLB. */
#pragma once

#include "tests/unit/mm_host.h"

#include "kernel/trace/trace.h"

bool trace_enabled;
void trace_slow_cow_page(u64 addr, u64 copied)
{
	(void)addr;
	(void)copied;
}
void trace_slow_cow_table(u64 addr, u64 level, u64 present)
{
	(void)addr;
	(void)level;
	(void)present;
}
void arch_init_root(pte_t *root)
{
	for (int i = 256; i < 512; i++) /* the tree must never touch these */
		root[i] = 0xfee1deadUL << 12 | PTE_PRESENT;
}
