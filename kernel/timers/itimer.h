/* The real-time interval timer of a process: setitimer(2), alarm(2). */
#pragma once

#include "kernel/time/timer.h"
#include "kernel/timers/deferred.h"

/* One in every struct signal. Guarded by deferred_lock. */
struct itimer {
	u64 expires;  /* monotonic; 0: not armed, and the rest means nothing */
	u64 interval; /* ns; 0: once */
	bool rests;   /* until its signal is dequeued: a word, also read under sighand->lock */
	struct timer timer;
	struct due due;
};

/* SIGALRM was dequeued: the next period begins. Caller holds sighand->lock. */
static inline void itimer_taken(struct itimer *it)
{
	if (READ_ONCE(it->rests))
		due_add(&it->due);
}

void itimer_stop(struct itimer *it); /* the last thread of the process exits */
