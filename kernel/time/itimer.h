/* The real-time interval timer of a process: setitimer(2), alarm(2). */
#pragma once

#include "kernel/time/due.h"
#include "kernel/time/timer.h"

/* One in every struct signal. Guarded by tasklist_lock. */
struct itimer {
	struct timer timer;
	u64 expires;  /* monotonic; 0: not armed */
	u64 interval; /* ns; 0: once */
	struct due due;
};

struct signal;

void itimer_init(struct itimer *it);
void itimer_stop(struct itimer *it); /* the last thread of the process exits */
