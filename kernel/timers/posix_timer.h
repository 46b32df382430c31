/* timer_create(2) and its family. */
#pragma once

#include "kernel/lib/types.h"
#include "kernel/lib/uapi.h"

struct signal;
struct task;
struct posix_timer;

/* The signal of this timer is taken off its queue, to be delivered or not: the next period begins.
 * How many ends of periods it stands for beside its own. Caller holds sighand->lock. */
int posix_timer_taken(struct posix_timer *t);
/* The signal is not ignored any more: timers that rested for that go on. Caller holds
 * sighand->lock. */
void posix_timers_resume(struct signal *owner, int sig);
/* exec, and the exit of the last thread: delete them all. */
void posix_timers_exit(struct task *p);
