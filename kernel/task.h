/* A task: what the kernel knows of one thread of execution. */
#pragma once

#include "arch/x86_64/arch.h"
#include "kernel/cred.h"
#include "kernel/lib/atomic.h"
#include "kernel/lib/list.h"
#include "kernel/lib/log.h"
#include "kernel/lib/scope.h"
#include "kernel/lib/types.h"
#include "kernel/lib/uapi.h"
#include "kernel/pid.h"
#include "kernel/ptrace/tracee.h"
#include "kernel/rseq/registration.h"
#include "kernel/sched/sched.h"
#include "kernel/signal/signal.h"

#define TASK_COMM_LEN  16
#define MAX_HELD_LOCKS (DEBUG_CHECKS ? 16 : 1)

enum task_flags {
	PF_KTHREAD = 1 << 0,
	PF_EXITING = 1 << 1,
	PF_FORKNOEXEC = 1 << 2,
	PF_IDLE = 1 << 5,
	PF_NPROC_EXCEEDED = 1 << 6, /* its user has too many tasks: no exec until that is over */
};

/* Reasons not to go straight back to user mode (entry.asm). */
enum task_work {
	WORK_SIGPENDING = 1 << 0,
	WORK_RESTORE_SIGMASK = 1 << 1,
	WORK_FRAME = 1 << 2, /* its user registers were changed: load all of them */
	WORK_OOM = 1 << 3,   /* the allocator had no page for it: oom_work() */
	WORK_DEBUG = 1 << 4, /* it has hardware breakpoints: see that they are loaded. Stays set */
	WORK_RSEQ = 1 << 5,  /* restart a critical section, or tell new ids: kernel/rseq/rseq.h */
};

/*
 * Marks: "tl" tasklist_lock, "tk" the task's own `lock`, "sh" sighand->lock, "rq" the run queue's
 * lock, "pi" pi_lock, "me" only the task itself writes, "ro" set while the task is being made and
 * constant from then on. "a word": cannot tear, and may be read without the lock.
 *
 * The pointers marked "me, tk" lead to what a task shares with others: kernel/sharing.c.
 *
 * The struct has three ranges. Fork sets the fields of the first one by one; before that they hold
 * what the last owner of the memory left there, or a debug build's poison. Fork zeroes the second
 * range: the fields that an undo reads, and those that begin empty. The third, which fork copies,
 * holds no pointer: a half-made child owns only what it was given.
 */
struct task {
	/* --- given one by one, on the way through copy_process() --- */
	struct thread thread; /* must stay first: switch.asm. Its FPU room outlives it */
	void *stack;          /* so does this: lowest address of the kernel stack */
	refcount_t usage;     /* 2 (reaper, last switch away), and one per user */
	u32 state;            /* me, rq; enum task_state */
	int exit_signal; /* me, tl for a new parent; a word: sent to it at exit; -1: not a leader */
	pid_t pid_nr;    /* ro, except in exec by a non-leader: its thread id */
	pid_t tgid_nr;   /* ro, same */
	pid_t ppid_nr;   /* tl, a word: of real_parent's process */
	spinlock_t lock; /* LOCK_TASK */
	struct cred *cred; /* me, tk and sh to change, either to read; NULL only at the very end */
	struct signal *signal; /* ro: a reference, kept to the very end */
	/* tl (while it is in the tree), tk and sh to change, tl or tk to read; NULL: reaped */
	struct sighand *sighand;
	struct sigpending pending; /* sh */
	u64 default_slack;         /* ro: the parent's timer_slack */
	/* tl: its own number; the other two only for leaders */
	struct pid *pids[PIDTYPE_MAX];
	struct list_head pid_links[PIDTYPE_LISTS];
	struct task *real_parent; /* tl: forked it (with CLONE_PARENT: its parent), or reaper */
	struct task *parent;      /* tl: gets its signals: its tracer, or real_parent */
	struct list_head tracees; /* tl: that it traces, by trace.link */
	struct tracee trace;
	struct list_head children; /* tl: but for those in the next two lists */
	struct list_head zombies;  /* tl: children to be reaped, in the order of their birth */
	struct list_head jobs;    /* tl: children that are stopped or continued, likewise: wait.c */
	struct list_head sibling; /* tl: leaders: in one of its parent's three lists */
	struct list_head thread_node; /* tl: in signal->threads */
	struct task *group_leader;    /* tl */
	u64 parent_exec_id;           /* tl: self_exec_id of the parent when it forked */
	u64 birth; /* tl: how many tasks were forked before; after exec the process's */
	int __user *set_child_tid;   /* me: where schedule_tail() stores the tid */
	int __user *clear_child_tid; /* me: where exit stores 0 and wakes a futex */
	struct list_head run_list;   /* rq */
	u32 cpu;                     /* rq */
	s64 time_slice;              /* rq: ns left when it was last charged */
	bool first_timeslice;        /* rq: the slice came from the parent and may go back */
	int boost;                   /* pi, rq: priority lent by waiters; MAX_PRIO: none */
	struct list_head pi_waiters; /* pi: waiters for locks of this task, the best first */
	u64 start_time;              /* tl: monotonic ns; exec takes over the leader's */
	u64 exec_start;              /* rq: run clock at its last switch in or out */
	sigset_t64 saved_sigmask;    /* me: WORK_RESTORE_SIGMASK */
	u64 restart_arg[4];          /* me: of restart_fn */
	struct held_lock {           /* me: debug builds, kernel/debug/lockdep.c */
		const void *lock;
		u16 class;
		u16 irq_level;  /* nesting of interrupts it was taken at */
		const void *pc; /* where it was taken */
		u64 since;      /* cycles; 0: the task waits for it */
	} held[MAX_HELD_LOCKS];
	struct cpumask cpus_mask; /* rq: where it may run, if it is bound */
	u64 oom_retried; /* me: when a call was last tried again for lack of memory: oom_retries */
	u64 fork_cycles; /* me: spent in the last do_fork() until the child was made runnable */

	/* --- zeroed by dup_task_struct() --- */
	u32 work;          /* atomic bits, enum task_work */
	u32 exit_state;    /* tl: 0, TASK_ZOMBIE (waits to be reaped) or TASK_DEAD (reaped) */
	int exit_code;     /* sh: wait status; constant once exit_state says that it has ended */
	int pdeath_signal; /* me, a word: sent to its process when its parent ends; 0: none */
	bool in_jobs;      /* tl: living and in the list of its parent's jobs */
	u32 jobctl;        /* sh: enum jobctl: stops that it has not made yet */
	u32 syscall_work;  /* atomic bits, enum syscall_work */
	u32 traced;      /* tl and sh to change, either to read; a word; enum trace_flags; 0: not */
	bool exec_gains; /* sh: in an exec that may give rights: nobody may attach */
	bool kthread_done;              /* me: a kernel thread that has left every list */
	bool on_cpu;                    /* rq: it is running, or its registers are not saved yet */
	u32 pi_exit;                    /* pi: enum pi_exit, kernel/futex/futex_pi.c */
	u32 nr_held;                    /* me: of held[] */
	u32 oom_retries;                /* me: how often a call was tried again, in a row */
	struct mm *mm;                  /* me, tk: NULL for kernel threads */
	struct mm *active_mm;           /* rq: whose tables are loaded while this runs */
	struct files *files;            /* me, tk */
	struct fs_context *fs;          /* me, tk, and fs->lock */
	struct sem_undo_list *sem_undo; /* me: NULL until an operation with SEM_UNDO */
	struct attachment *attached;    /* me: attachment.h; or NULL */
	struct seccomp_filter *seccomp; /* me or another thread, sh to change: its newest filter */
	struct perf_event *perf;        /* perf_lock, a word: the first of those that count it */
	struct task *vfork_parent;      /* tk: waits for this task's exec or exit */
	void __user *robust_list;       /* me, a word: robust_list_head: locks to release at exit */
	struct prio_array *array;       /* rq: NULL when not queued */
	struct pi_waiter *pi_blocked;   /* pi: queues it on a PI lock; NULL: not blocked on one */
	u64 oom_killed;   /* tl: when it was chosen to die for lack of memory; 0: never */
	u64 utime, stime; /* rq: ns charged of the run time: kernel/sched/account.c */
	u64 rt_ns;        /* me: ticks as a real-time task since it last slept, for RLIMIT_RTTIME */
	u64 runtime;      /* rq: how long it ran until exec_start; run clock */
	struct cpu_timers cpu_timers; /* signal->cpu_timers_lock: armed on this thread's clocks */
	u64 user_flt, kernel_flt;     /* me: page faults in its program, and in the kernel */
	u64 nvcsw, nivcsw;            /* rq: voluntary and forced switches */
	u64 migrations;               /* rq: to another CPU */
	sigset_t64 waited;            /* sh: rt_sigtimedwait() sleeps for them, blocked or not */
	long (*restart_fn)(struct task *); /* me: restart_syscall(2) */
	const struct mutex *waits_for;     /* the mutex's wait_lock: what it waits for */

	/* --- copied by dup_task_struct() --- */
	u32 flags;        /* me; enum task_flags */
	u32 personality;  /* me: personality(2) */
	u64 self_exec_id; /* me, a word: counts the programs this task and its ancestors became */
	int prio;         /* rq: what it runs at: normal_prio or the boost */
	int normal_prio;  /* pi, rq: by its policy */
	int static_prio;  /* rq: by its nice value */
	int policy, rt_priority; /* rq */
	bool reset_on_fork;      /* pi: SCHED_RESET_ON_FORK */
	bool bound;         /* rq, a word: only to the CPUs of cpus_mask, which is written first */
	bool no_new_privs;  /* me, or another thread under sh: exec grants nothing; never cleared */
	sigset_t64 blocked; /* me; others look under sh */
	u64 sas_sp, sas_size;          /* me: sigaltstack(2) */
	u64 timer_slack;               /* me: ns, PR_SET_TIMERSLACK */
	struct rseq_registration rseq; /* me: its user address leads to no kernel object */
	/* Threads of its process write it; readers may see parts of two names, but always a NUL. */
	char comm[TASK_COMM_LEN];
};

#define TASK_ZERO_START offsetof(struct task, work)
#define TASK_COPY_START offsetof(struct task, flags)

extern spinlock_t tasklist_lock;
/* guarded(): the lock of a field's mark. */
#define GUARD_exit_state(p)   (&tasklist_lock)
#define GUARD_in_jobs(p)      (&tasklist_lock)
#define GUARD_children(p)     (&tasklist_lock)
#define GUARD_zombies(p)      (&tasklist_lock)
#define GUARD_jobs(p)         (&tasklist_lock)
#define GUARD_birth(p)        (&tasklist_lock)
#define GUARD_oom_killed(p)   (&tasklist_lock)
#define GUARD_jobctl(p)       (&(p)->sighand->lock)
#define GUARD_vfork_parent(p) (&(p)->lock)
#define GUARD_mm(p)           (&(p)->lock)
#define GUARD_files(p)        (&(p)->lock)
#define GUARD_cred(p)         (&(p)->lock)
#define GUARD_sighand(p)      (&(p)->lock)
#define GUARD_pi_blocked(p)   (&pi_lock)

extern struct task init_task;     /* pid 0: init_task.c */
extern struct task *child_reaper; /* pid 1: adopts orphans */

static inline bool signal_pending(const struct task *p)
{
	return READ_ONCE(p->work) & WORK_SIGPENDING;
}
static inline void task_set_work(struct task *p, u32 bits)
{
	__atomic_or_fetch(&p->work, bits, __ATOMIC_SEQ_CST);
}
static inline void task_clear_work(struct task *p, u32 bits)
{
	__atomic_and_fetch(&p->work, ~bits, __ATOMIC_SEQ_CST);
}
/* Interrupted in user mode or in a trap from there, not in a system call. */
static inline bool in_trap(const struct task *p)
{
	return (int)task_pt_regs(p)->orig_rax < 0;
}
static inline bool thread_group_leader(const struct task *p)
{
	return p->group_leader == p;
}
static inline void get_task(struct task *p)
{
	refcount_inc(&p->usage);
}
void put_task(struct task *p); /* the last reference frees it */
SCOPED(put_task, struct task *)
void init_task_init(void); /* its limits and its links; once fork_init() knows max_threads */
