/* Futexes, for the rest of the kernel. */
#pragma once

#include "kernel/lib/types.h"

struct task;

void futex_init(void);
/* Wake at most `max` tasks that wait for the word at `addr` of current's memory with one of the
 * bits in `bitset`. `private`: FUTEX_PRIVATE_FLAG. Returns how many, or -errno. */
long futex_wake(u64 addr, bool private, u32 max, u32 bitset);
/* p, which is current, leaves its address space, which is still loaded. The locks on its robust
 * list get FUTEX_OWNER_DIED, and a waiter of each is woken; PI locks with waiters are handed over.
 * `exec`: the task goes on in another address space. */
void futex_exit(struct task *p, bool exec);
