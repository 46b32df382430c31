/* The real-time interval timer of a process: setitimer(2), alarm(2). */
#pragma once

#include "kernel/lib/log.h"
#include "kernel/time/timer.h"
#include "kernel/timers/deferred.h"

/* One in every struct signal. Guarded by deferred_lock. */
struct itimer {
	u64 expires;  /* monotonic; 0: not armed, and the rest means nothing */
	u64 interval; /* ns; 0: once */
	bool rests;   /* until its signal is dequeued: deferred_lock and, to clear, sighand->lock */
	struct timer timer;
	struct due due;
};

static inline void itimer_init(struct itimer *it)
{
	it->expires = 0;
	it->rests = false;
}

/* SIGALRM was dequeued: the next period begins. Caller holds sighand->lock. */
static inline void itimer_taken(struct itimer *it)
{
	if (READ_ONCE(it->rests)) {
		DEBUG_ON(!READ_ONCE(it->expires));
		due_add(&it->due);
	}
}

void itimer_stop(struct itimer *it); /* the last thread of the process exits */
