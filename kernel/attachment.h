/*
 * What holds on to a task from outside, and is told when the task forks, executes a program and
 * ends: a puppet of the shell. A task that nothing holds on to pays for one test of a word.
 */
#pragma once

#include "kernel/task.h"

struct attachment_ops {
	/* fork: hold on to the child too, which no other task can see yet. 0 or -ENOMEM. */
	int (*copy)(struct task *child);
	void (*publish)(struct task *child); /* it is in the process tree now */
	void (*release)(struct task *p);     /* exec, exit, and the undo of copy() */
	bool (*stops_clone)(void);           /* is clone(2) to leave current's child stopped? */
	/* A system call of current's that no table has. -ENOSYS when it is unknown here too. */
	long (*call)(struct pt_regs *regs, unsigned long nr);
};

struct attachment {
	const struct attachment_ops *ops;
};

static inline int copy_attachment(struct task *child)
{
	return unlikely(current->attached) ? current->attached->ops->copy(child) : 0;
}
static inline void publish_attachment(struct task *child)
{
	if (unlikely(child->attached))
		child->attached->ops->publish(child);
}
static inline void release_attachment(struct task *p)
{
	if (unlikely(p->attached))
		p->attached->ops->release(p);
}
