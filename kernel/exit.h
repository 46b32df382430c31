/* The end of tasks: exit.c. */
#pragma once

#include "kernel/lib/types.h"

struct list_head;
struct pid;
struct task;

void do_group_exit(int code) __noreturn;
/* Forget a task that has exited: out of the tree, with tasklist_lock held; and then, without the
 * lock, what remains of it, and the reference of its parent. */
void unlink_task(struct task *p);
void forget_task(struct task *p);
void release_task(struct task *p); /* both; and its leader, when that waits for the last thread */
/* p waits to be reaped by its parent. Caller holds tasklist_lock. */
void become_zombie(struct task *p);
/* p goes to another list of its parent's, to where it belongs by its birth, or not far behind. It
 * is not in that list yet. Caller holds tasklist_lock. */
void move_by_birth(struct task *p, struct list_head *list);
/* The parent of leader p, which lives, has a stop or a continue of it to wait for. Caller holds
 * tasklist_lock. */
void become_job(struct task *p);
/* Would `pgrp` be orphaned if `ignored` were gone? Caller holds tasklist_lock. */
bool will_become_orphaned_pgrp(struct pid *pgrp, struct task *ignored);
bool is_current_pgrp_orphaned(void);
