/* What the rest of the kernel asks of kernel/futex/futex.c. */
#pragma once

#include "kernel/lib/types.h"

struct task;

void futex_init(void);
/* Wake at most `max` tasks that wait for the word at `addr` of current's memory, with one of the
 * bits in `bitset`. `private`: as FUTEX_PRIVATE_FLAG. How many, or -errno. */
long futex_wake(u64 addr, bool private, u32 max, u32 bitset);
/* Current leaves its address space, which is still loaded: the locks on its robust list get
 * FUTEX_OWNER_DIED, and a waiter of each is woken; PI locks that somebody waits for, on that list
 * or not, are handed over. `exec`: it goes on, in another one. */
void futex_exit(struct task *p, bool exec);
