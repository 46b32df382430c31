/* What the files of the signal code share. */
#pragma once

#include "kernel/signal/signal.h"

#define USER_HZ 100 /* clock ticks of the ABI: times(2), siginfo */

void sigqueue_init(void);
/* Take an entry off its queue and free it; a timer's entry goes back to the timer. Returns how
 * often the timer had expired meanwhile. Caller holds sighand->lock. */
int sigqueue_free(struct sigqueue *q);
/* Charge p's user for one more queued signal. Returns the user with a reference, or NULL when that
 * is over the limit. `forced`: ignore the limit. */
struct user *sigqueue_charge(struct task *p, bool forced);
void sigqueue_uncharge(struct user *user);
/* Take a queued signal of a process off its queue. Caller holds sighand->lock. */
void sigqueue_cancel(struct sigqueue *q, struct signal *sig);
void sigqueue_info(ksiginfo_t *info, int sig, int code); /* all else is 0 */
/* Sent by current: SI_USER for kill(2), SI_TKILL for tkill(2). */
void sigqueue_user_info(ksiginfo_t *info, int sig, int code);
