/* The end of a thread group, by exit_group(2) or a signal. */
#pragma once

#include "kernel/signal/signal.h"
#include "kernel/task.h"

/* The whole group of p is to die with this wait status. Caller holds sighand->lock. Inline, as each
 * exit of a process does it. */
static inline void begin_group_exit(struct task *p, int code)
{
	struct signal *sig = p->signal;

	guarded(sig, group_exit) = true;
	sig->group_exit_code = code;
	sig->stopped = false; /* the group no longer waits for SIGCONT */
	sig->stop_count = 0;
	guarded(p, jobctl) = 0;
	if (sig->nr_threads > 1)
		zap_other_threads(p);
}
