/* Reports what a fork did, from measurements and trace records. */
#pragma once

#include "kernel/shell/shell.h"

/* The parent's counts before the call. */
struct fork_base {
	u64 cow_pages, cow_tables;
};

void report_init(void);
void fork_base_take(struct fork_base *b, struct puppet *p);
/* After fork, vfork or clone with `flags`: one or two lines. */
void report_fork(const char *what, const struct call *c, const struct fork_base *before, u64 flags,
		 bool stopped);
u64 cycles_to_ns(u64 cycles);
