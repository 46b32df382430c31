/* timer_create(2) and its family. */
#pragma once

#include "kernel/lib/types.h"

struct signal;
struct task;
struct posix_timer;

/* The timer's signal is taken: begin the next period. Returns the overrun. Under sighand->lock. */
int posix_timer_taken(struct posix_timer *t);
/* Resume the timers that rest because `sig` was ignored. Caller holds sighand->lock. */
void posix_timers_resume(struct signal *owner, int sig);
/* exec, and the exit of the last thread: delete all timers. */
void posix_timers_exit(struct task *p);
