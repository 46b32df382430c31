/* The end of tasks: exit.c. */
#pragma once

#include "kernel/lib/types.h"

struct list_head;
struct task;

void do_group_exit(int code) __noreturn;
/* Take a task that has exited out of the tree. The caller holds tasklist_lock. */
void unlink_task(struct task *p);
/* Free what remains of it and drop its parent's reference. The caller does not hold the lock. */
void forget_task(struct task *p);
/* Do both, and also for a leader that was only waiting for its last thread. */
void release_task(struct task *p);
/* Move `p` to `list` of its parent, to its place by birth or not far behind. It is not in that list
 * yet. The caller holds tasklist_lock. */
void move_by_birth(struct task *p, struct list_head *list);
/* The parent of leader p, which lives, has a stop or a continue of it to wait for. Caller holds
 * tasklist_lock. */
void become_job(struct task *p);
bool is_current_pgrp_orphaned(void);
