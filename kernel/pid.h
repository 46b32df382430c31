/* Process identifiers: numbers from a bitmap, and the objects that tie a number to its tasks. */
#pragma once

#include "kernel/lib/atomic.h"
#include "kernel/lib/list.h"
#include "kernel/lib/scope.h"
#include "kernel/lib/types.h"
#include "kernel/pidmap.h"

struct task;

enum pid_type {
	PIDTYPE_PID,  /* one task */
	PIDTYPE_PGID, /* process group: its leaders of thread groups */
	PIDTYPE_SID,  /* session: likewise */
	PIDTYPE_MAX,
};

/* Lives as long as a task uses it in any role or somebody holds a reference; its number is free for
 * reuse when the last *task* has let go of it. */
struct pid {
	refcount_t count;
	u32 uses;                            /* tasklist_lock: links in all of tasks[] */
	struct list_head tasks[PIDTYPE_MAX]; /* tasklist_lock */
	struct pid *next;                    /* pid_lock: of the same bucket */
	struct pidmap *map;                  /* whose bit nr is */
	pid_t nr;
};

extern struct pidmap init_pidmap;

void pid_init(void);
/* A fresh number and its struct; ERR_PTR(-EAGAIN) when all are taken, ERR_PTR(-ENOMEM). */
struct pid *alloc_pid(struct pidmap *map);
/* Nobody ever attached to it: the undo of alloc_pid(). Caller holds tasklist_lock. */
void free_pid(struct pid *pid);
void put_pid(struct pid *pid); /* NULL is allowed */
SCOPED(put_pid, struct pid *)
static inline struct pid *get_pid(struct pid *pid)
{
	refcount_inc(&pid->count);
	return pid;
}
/* The highest number, plus one; and the last that was handed out: behind it the search goes on. */
int pid_max(void);
void pid_set_max(int max);
int pid_last(void);
int pid_set_last(int nr); /* 0; -EINVAL: not below pid_max() */
/* With a reference, or NULL. */
struct pid *find_get_pid(pid_t nr);
pid_t current_pgrp(void); /* the number of current's process group; takes tasklist_lock */
/* Caller holds tasklist_lock for all five. */
void attach_pid(struct task *p, enum pid_type type, struct pid *pid);
void detach_pid(struct task *p, enum pid_type type); /* the number is freed with its last task */
struct pid *unlink_pid(struct task *p, enum pid_type type); /* even then it is not: attach it */
struct task *pid_task(struct pid *pid, enum pid_type type); /* the first, or NULL */
struct task *find_task(pid_t nr);                           /* by thread id */
/* The lowest number from *nr on that a process (the leader of a thread group) has; false: there is
 * none. */
bool next_process(pid_t *nr);
/* Call `visit` for each process, in the order of their numbers, with tasklist_lock held, which is
 * released after each few: none is missed that lives all the while. */
void visit_processes(void (*visit)(struct task *leader, void *arg), void *arg);
/* By thread id, with a reference to the task; NULL when there is none. Takes tasklist_lock. */
struct task *find_get_task(pid_t nr);
