/* Process identifiers: numbers from a bitmap, and the objects that tie a number to its tasks. */
#pragma once

#include "kernel/lib/atomic.h"
#include "kernel/lib/list.h"
#include "kernel/lib/lock.h"
#include "kernel/lib/scope.h"
#include "kernel/lib/types.h"
#include "kernel/pidmap.h"

struct task;

enum pid_type {
	PIDTYPE_PGID, /* process group: the thread group leaders in it */
	PIDTYPE_SID,  /* session: likewise */
	PIDTYPE_PID,  /* one task */
	PIDTYPE_MAX,
	PIDTYPE_LISTS = PIDTYPE_PID, /* those that many tasks may share */
};

/* Lives as long as a task uses it in any role or a reference exists. Its number is free for reuse
 * when the last task has left it. "tl": tasklist_lock. */
struct pid {
	refcount_t count;
	refcount_t uses;                       /* the task it is made for, and all in tasks[] */
	struct task *task;                     /* has this number; pid_lock(nr), except to set */
	struct list_head tasks[PIDTYPE_LISTS]; /* tl */
	struct pid *next;                      /* pid_lock(nr): of the same chain */
	struct pidmap *map;                    /* has a bit for nr */
	pid_t nr;
};

extern struct pidmap init_pidmap;
/* Guards the way from `nr` to its task. */
spinlock_t *pid_lock(pid_t nr);

void pid_init(void);
/* A fresh number and its struct; ERR_PTR(-EAGAIN) when all are taken, ERR_PTR(-ENOMEM). */
struct pid *alloc_pid(struct pidmap *map);
void free_pid(struct pid *pid); /* no task uses it (any more): unhash it, free its number */
void put_last_pid(struct pid *pid);
static inline void put_pid(struct pid *pid) /* NULL is allowed */
{
	if (pid && refcount_dec_and_test(&pid->count))
		put_last_pid(pid);
}
SCOPED(put_pid, struct pid *)
static inline struct pid *get_pid(struct pid *pid)
{
	refcount_inc(&pid->count);
	return pid;
}
struct pid *find_get_pid(pid_t nr);                /* with a reference, or NULL */
void set_number(struct task *p, struct pid *pid);  /* let `p` be found by its own number */
void clear_number(struct task *p);                 /* end that */
void swap_numbers(struct task *a, struct task *b); /* each can be found all the time */
struct task *find_task(pid_t nr); /* by thread id, or NULL; caller holds pid_lock(nr) */
/* Groups and sessions. Caller holds tasklist_lock for all six. */
void attach_pid(struct task *p, enum pid_type type, struct pid *pid);
void detach_pid(struct task *p, enum pid_type type); /* the number is freed with its last use */
void move_pid(struct task *from, enum pid_type type, struct task *to);
struct task *first_in_group(struct pid *pid, enum pid_type type); /* or NULL */
struct task *find_in_tree(pid_t nr); /* by thread id; NULL: there is none, or it is dead */
struct task *pid_in_tree(const struct pid *pid); /* likewise */
/* Advance *nr to the first number from *nr on that a thread group's leader has. False: none has. */
bool next_process(pid_t *nr);
/* The leader of the first process with a number from *nr on; *nr moves past it. NULL: none is left.
 * Caller holds tasklist_lock, under which fork gives each child its number: no child is missed. */
struct task *next_leader(int *nr);
/* Call `visit` for each process in the order of their numbers, with tasklist_lock held. The lock is
 * released every few processes; a process that exists throughout is not missed. */
void visit_processes(void (*visit)(struct task *leader, void *arg), void *arg);
struct task *find_get_task(pid_t nr);       /* by thread id: a reference to the task, or NULL */
struct task *pid_get_task(struct pid *pid); /* likewise: the task with this number */
