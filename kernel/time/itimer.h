/* The real-time interval timer of a process: setitimer(2), alarm(2). */
#pragma once

#include "kernel/lib/list.h"
#include "kernel/time/timer.h"

/* One in every struct signal. Guarded by tasklist_lock, but for the due list. */
struct itimer {
	struct timer timer;
	u64 expires;          /* monotonic; 0: not armed */
	u64 interval;         /* ns; 0: once */
	bool is_due;          /* due_lock: in the list of those whose time has come */
	struct list_head due; /* due_lock */
};

struct signal;

void itimer_init(struct itimer *it);
void itimer_stop(struct itimer *it); /* the last thread of the process exits */
/* For kthreadd, which sends the signals. */
bool itimers_due(void);
void itimers_fire(void);
