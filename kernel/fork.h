/* Making tasks: fork.c. */
#pragma once

#include "kernel/lib/atomic.h"
#include "kernel/lib/types.h"

struct task;

/* What clone3(2) takes, plus what only the kernel asks for. */
struct kernel_clone_args {
	u64 flags;
	int __user *child_tid;
	int __user *parent_tid;
	int exit_signal;
	u64 stack;      /* lowest address; 0: the parent's */
	u64 stack_size; /* 0 with the legacy calls: then `stack` is the initial stack pointer */
	u64 tls;
	int (*fn)(void *); /* a kernel thread's function; NULL: return to user mode */
	void *fn_arg;
	const char *name; /* its name; NULL: the parent's */
	u32 event;        /* set by do_fork(): what the tracer is to hear of; 0: nothing */
	bool stopped; /* CLONE_STOPPED: start it stopped (the shell; the system call refuses it) */
};

extern atomic_t nr_threads;
extern atomic_t nr_task_structs; /* nr_threads, plus released tasks not yet freed */
extern long max_threads;         /* tunable */
extern u64 total_forks;

void fork_init(void);
pid_t do_fork(struct kernel_clone_args *args);
pid_t kernel_thread(int (*fn)(void *), void *arg, const char *name);
void drain_task_cache(void); /* give back what CPUs keep for the next fork; may sleep */
/* A new task with some fields zeroed and some copied (task.h); the caller sets the rest. NULL
 * without memory. */
struct task *dup_task_struct(const struct task *parent);
/* init_task.c: the idle task of another CPU; NULL without memory. */
struct task *fork_idle(u32 cpu);
/* exec and exit: release the locks and the clear_child_tid that other tasks wait for in memory. */
void mm_release(struct task *p, bool exec);
void complete_vfork_done(struct task *p); /* wake the parent in vfork(2); caller holds p->lock */
