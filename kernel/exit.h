/* The end of tasks: exit.c. */
#pragma once

#include "kernel/lib/types.h"

struct list_head;
struct signal;
struct task;

void do_group_exit(int code) __noreturn;
/* Take a task that has exited out of the tree. The caller holds tasklist_lock. */
void unlink_task(struct task *p);
/* Free the rest of an unlinked task and drop its reaper's reference. Not under tasklist_lock. */
void forget_task(struct task *p);
void release_task(struct task *p); /* both, also for a leader that waited for its last thread */
/* Move `p` to `list` of its parent, near its place by birth. Caller: tasklist_lock. */
void move_by_birth(struct task *p, struct list_head *list);
/* Move leader `p`, which stopped or continued, to its parent's jobs. Caller: tasklist_lock. */
void become_job(struct task *p);
/* A thread that is not exiting and is not `p`, or NULL. Caller: tasklist_lock or sighand->lock. */
struct task *living_thread(struct signal *sig, const struct task *p);
