/* What the two halves of the signal code share. */
#pragma once

#include "kernel/signal.h"

#define USER_HZ 100 /* clock ticks of the ABI: times(2), siginfo */

void sigqueue_init(void);
/* Take it off its queue and free it. Caller holds sighand->lock. */
void sigqueue_free(struct sigqueue *q);
void sigqueue_kernel_info(siginfo_t *info, int sig);
