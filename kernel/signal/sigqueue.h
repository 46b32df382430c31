/* What the two halves of the signal code share. */
#pragma once

#include "kernel/signal/signal.h"

#define USER_HZ 100 /* clock ticks of the ABI: times(2), siginfo */

void sigqueue_init(void);
/* Take it off its queue and free it, or tell its timer. How often that timer had expired meanwhile.
 * Caller holds sighand->lock. */
int sigqueue_free(struct sigqueue *q);
/* Charge p's user for one more queued signal: a reference, or NULL when that is over the limit.
 * `forced`: the limit does not matter. */
struct user *sigqueue_charge(struct task *p, bool forced);
void sigqueue_uncharge(struct user *user);
/* A queued signal of a process is not to be delivered. Caller holds sighand->lock. */
void sigqueue_cancel(struct sigqueue *q, struct signal *sig);
void sigqueue_kernel_info(ksiginfo_t *info, int sig);
/* Sent by current, as by kill(2). */
void sigqueue_user_info(ksiginfo_t *info, int sig);
