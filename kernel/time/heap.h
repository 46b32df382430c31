/* A pairing heap of timers, the earliest at its root. Pure: its caller does the locking. */
#pragma once

#include "kernel/time/timer.h"

/* Both return the new root. `t` is in no heap. */
struct timer *timer_heap_insert(struct timer *root, struct timer *t);
/* `t` is in the heap of this root. NULL when it was the last. */
struct timer *timer_heap_remove(struct timer *root, struct timer *t);
