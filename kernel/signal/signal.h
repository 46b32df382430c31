/* Signals: what is pending, what is blocked, what happens then. signal(7). */
#pragma once

#include "kernel/lib/atomic.h"
#include "kernel/lib/list.h"
#include "kernel/lib/lock.h"
#include "kernel/lib/treap.h"
#include "kernel/lib/types.h"
#include "kernel/lib/uapi.h"
#include "kernel/pid.h"
#include "kernel/sched/wait_queue.h"
#include "kernel/time/usage.h"
#include "kernel/timers/cpu_timer.h"
#include "kernel/timers/itimer.h"

struct task;
struct pt_regs;
struct user;

typedef u64 sigset_t64;
#define sigmask(sig) (1UL << ((sig)-1))
/* Never blocked, caught or ignored. */
#define SIG_KERNEL_ONLY (sigmask(SIGKILL) | sigmask(SIGSTOP))

/* rt_sigaction(2)'s structure as the kernel sees it. */
struct k_sigaction {
	u64 handler;
	u64 flags;
	u64 restorer;
	sigset_t64 mask;
};

/* A siginfo_t without its reserved space, which is 0 in a program's memory. */
typedef union {
	__SIGINFO;
	u64 words[6];
} ksiginfo_t;

#define SIGINFO_WORDS (sizeof(siginfo_t) / sizeof(u64))

struct sigqueue {
	struct list_head link;
	struct user *user;         /* charged for it; a reference */
	struct posix_timer *timer; /* the timer that it is part of, or NULL */
	bool spare;                /* it is the spare entry of a sigpending */
	ksiginfo_t info;
};

/* Where tasks wait for the signals of a process, to read them from a file: signalfd(2). */
struct arrivals {
	refcount_t count; /* its process, and the signalfds that it has polled */
	struct wait_queue wait;
};

/* All sh. */
struct sigpending {
	sigset_t64 set;         /* also read without the lock: set_current_blocked() */
	struct list_head queue; /* a signal in the queue is in the set */
	struct sigqueue spare;  /* the entry of a signal that finds the queue empty */
};

static inline void sigpending_init(struct sigpending *pending)
{
	pending->set = 0;
	list_init(&pending->queue);
}

struct sigactions; /* what sigaction(2) has set */

/* Shared by CLONE_SIGHAND. Fork's copy shares the table until one of the two sets an action. */
struct sighand {
	refcount_t count;
	spinlock_t lock; /* LOCK_SIGHAND (irq): what follows, and every pending set of its tasks */
	/* Signals whose handler is SIG_DFL or SIG_IGN, even if the table has another one. */
	sigset_t64 defaulted, ignored;
	struct sigactions *set; /* a reference; NULL: nothing was set since exec */
};

/* Shared by a thread group. "tl": tasklist_lock; "sh": sighand->lock. "a word": cannot tear, and
 * may be read without the lock. */
struct signal {
	/* --- set one by one, by copy_signal() and before other tasks see it --- */
	refcount_t count;          /* tasks that point here, and `handlers` if it is in use */
	struct arrivals *arrivals; /* set once, atomically; a reference, or NULL: alloc_signal() */
	int nr_threads;            /* tl, a word: tasks not yet released */
	int live;                  /* sh: threads that have not begun to exit */
	struct list_head threads;  /* tl and sh to change, either to read: task.thread_node */
	struct task *leader;       /* tl */
	struct pid *pid;           /* ro: the process's number, also after exec by another thread */
	pid_t group_nr[PIDTYPE_LISTS]; /* tl to write, words: of its group and session */
	struct wait_queue wait_chld;   /* parents in wait4() */
	struct sigpending shared;      /* sh: process-wide pending signals */
	struct tty *tty;            /* tl, ctty_lock where it is taken away: controlling terminal */
	struct itimer real_timer;   /* deferred_lock: setitimer(2), alarm(2) */
	spinlock_t cpu_timers_lock; /* LOCK_CPUTIME (irq): cpu_timers, and those of its tasks */
	struct rlimit64 rlim[RLIM_NLIMITS];   /* sh, words */
	s16 oom_score_adj, oom_score_adj_min; /* sh, the first a word: /proc/PID/oom_score_adj; how
						 low it may be set without privilege */
	/* Usually the sighand of its tasks is this one. But other processes may use it as well, and
	 * its tasks may use one in another struct signal. */
	struct sighand handlers;

	/* --- zeroed by copy_signal() --- */
	struct core_dump *core; /* sh: its core dump is being written: core.h; or NULL */
	struct task *exec_task; /* sh, a word under tl: the thread in execve() that waits for the
				   others to go */
	bool group_exit;        /* sh: exit_group or a fatal signal is on its way */
	bool stopped;           /* sh: the whole group is stopped */
	bool continued;         /* sh: SIGCONT arrived, not yet waited for */
	bool notify_continued;  /* sh: the parent is still to be told */
	bool stop_reported;     /* sh: the stop was waited for */
	bool session_leader;    /* tl, a word */
	bool any_may_trace;     /* tl: PR_SET_PTRACER_ANY */
	struct pid *may_trace;  /* tl: PR_SET_PTRACER, a reference; or NULL */
	bool child_subreaper;   /* a word: adopts the orphans among its descendants */
	int group_exit_code;    /* sh: wait status all threads die with */
	int stop_code;          /* sh: the stopping signal */
	u32 continues;          /* sh: how often SIGCONT came */
	int stop_count;         /* sh: threads that still have to stop */
	int next_timer_id;      /* sh */
	struct treap_node *posix_timers;             /* sh: timer_create(2), by their numbers */
	struct usage gone;                           /* sh: of threads that were released */
	struct usage children;                       /* sh: of reaped children */
	struct cpu_itimer virtual_timer, prof_timer; /* sh */
	struct cpu_timers cpu_timers; /* cpu_timers_lock: armed on the process's clocks */
};

/* task.jobctl: while a bit is set, the thread has something to do before it returns to user mode.
 */
enum jobctl {
	JOBCTL_STOP_PENDING = 1 << 0, /* the group is stopping, and it has not stopped yet */
	JOBCTL_STOP_COUNTED = 1 << 1, /* with that: it is one of stop_count */
	JOBCTL_TRAP_STOP = 1 << 2,    /* to stop for its tracer: kernel/ptrace/ */
	JOBCTL_TRAP_NOTIFY = 1 << 3,  /* the same: a group stop has begun or ended */
	JOBCTL_CORE = 1 << 4,         /* with the first: to wait for a core dump before it exits */
	JOBCTL_STOPS = JOBCTL_STOP_PENDING | JOBCTL_STOP_COUNTED,
	JOBCTL_TRAPS = JOBCTL_TRAP_STOP | JOBCTL_TRAP_NOTIFY,
};

/* guarded(): the lock of a field's mark, while a task is in the tree. */
#define GUARD_group_exit(sig) (&(sig)->leader->sighand->lock)
#define GUARD_stopped(sig)    (&(sig)->leader->sighand->lock)
#define GUARD_stop_count(sig) (&(sig)->leader->sighand->lock)

#define SIGNAL_ZERO_START offsetof(struct signal, core)

/* A signal on its way to a handler. */
struct ksignal {
	int sig;
	struct k_sigaction ka;
	ksiginfo_t info;
};

/* Signals whose default action is not death. */
#define SIG_DEFAULT_IGNORE \
	(sigmask(SIGCHLD) | sigmask(SIGCONT) | sigmask(SIGURG) | sigmask(SIGWINCH))
/* And those with a core dump: signal(7). */
#define SIG_DEFAULT_CORE                                                            \
	(sigmask(SIGQUIT) | sigmask(SIGILL) | sigmask(SIGTRAP) | sigmask(SIGABRT) | \
	 sigmask(SIGBUS) | sigmask(SIGFPE) | sigmask(SIGSEGV) | sigmask(SIGXCPU) |  \
	 sigmask(SIGXFSZ) | sigmask(SIGSYS))
#define SIG_DEFAULT_STOP (sigmask(SIGSTOP) | sigmask(SIGTSTP) | sigmask(SIGTTIN) | sigmask(SIGTTOU))

static inline bool valid_signal(int sig)
{
	return sig >= 1 && sig <= _NSIG;
}

/* ---- sending: kernel/signal/send.c ---- */

/* Send to one thread or to its whole group; `info` NULL means "from the kernel". 0; -EAGAIN when
 * the queue of real-time signals is full (RLIMIT_SIGPENDING); -ESRCH when p has been reaped. Caller
 * has a reference to p, or holds tasklist_lock. */
int send_signal(int sig, const ksiginfo_t *info, struct task *p, bool group);
/* The same for a caller that holds sighand->lock. */
int send_signal_locked(int sig, const ksiginfo_t *info, struct task *p, bool group);
/* The handlers of p, locked; NULL: it has been reaped. Caller as for send_signal(). */
struct sighand *lock_sighand(struct task *p, u64 *flags);
void unlock_sighand(struct sighand *sh, u64 flags);
/* Queue the entry of a timer that expired. False: it is not wanted. Caller holds sighand->lock. */
bool send_timer_signal(struct sigqueue *q, struct task *p, bool group);
/* From current's own fault: cannot be blocked or ignored. */
void force_sig_fault(int sig, int code, u64 addr);
void force_sig_info(const ksiginfo_t *info);
void force_sig(int sig);
/* End current's process by this signal, even if it is blocked or handled. */
void force_fatal_sig(int sig);
/* Send to current as if by current itself. */
void send_sig_self(int sig);
/* Signal a whole process group. 0 or -ESRCH. Takes tasklist_lock, or (_locked) wants it held. */
int kill_pgrp(struct pid *pgrp, int sig, const ksiginfo_t *info);
int kill_pgrp_locked(struct pid *pgrp, int sig, const ksiginfo_t *info);
/* SIGCHLD or another exit signal to the parent, and wake it if it waits. True: the parent does not
 * want to wait for p. Caller holds tasklist_lock. */
bool do_notify_parent(struct task *p, int sig);
/* Tell the parent of a stop (CLD_STOPPED) or a continue (CLD_CONTINUED). Takes tasklist_lock. */
void notify_parent_stop(struct task *p, int why);
void notify_parent_stop_locked(struct task *p, int why); /* the caller holds it */
/* Tell p's tracer of a stop (CLD_TRAPPED, CLD_STOPPED). Caller holds tasklist_lock. */
void notify_tracer(struct task *p, int why);
/* Wake the threads that handle the shared signals in `set` for p. Caller holds sighand->lock. */
void retarget_shared_pending(struct task *p, sigset_t64 set);
/* Kill all other threads of current's group. Caller holds sighand->lock. */
void zap_other_threads(struct task *p);
/* Where to wait for signals of current's process, with a reference; made by the first call.
 * NULL without memory. */
struct arrivals *arrivals_get(void);
void arrivals_put(struct arrivals *a);
/* Drop the signals of `mask` from one set, or from p's process. Caller holds sighand->lock. */
void remove_pending(struct sigpending *p, sigset_t64 mask);
void remove_from_group(struct task *p, sigset_t64 mask);
void signal_wake_up(struct task *p, bool fatal);

/* ---- actions: kernel/signal/action.c. The caller holds sighand->lock, or knows that no other task
 * changes what it reads ---- */

void sigaction_init(void);
u64 signal_handler(const struct sighand *sh, int sig);
void signal_action(const struct sighand *sh, int sig, struct k_sigaction *ka);
/* The handler alone becomes SIG_DFL or SIG_IGN: cannot fail. */
void set_handler(struct sighand *sh, int sig, u64 handler);
int do_sigaction(int sig, const struct k_sigaction *act, struct k_sigaction *old);
void copy_sighand(u64 flags, struct task *p); /* after copy_signal() */
void put_sighand(struct sighand *sh);
struct sighand *clone_sighand(struct sighand *from); /* NULL without memory */
/* exec: replace the handlers that p shares by its own. */
void replace_sighand(struct task *p, struct sighand *own);
/* exec: handlers go back to the default, ignored signals stay ignored. */
void flush_signal_handlers(struct task *p);

/* ---- receiving: kernel/signal/deliver.c ---- */

void signal_init(void);
bool fatal_signal_pending(const struct task *p);
/* Set or clear WORK_SIGPENDING of p by what is pending. Caller holds sighand->lock. */
void recalc_sigpending_of(struct task *p);
/* True when current has a signal to handle, also one that another thread was chosen for: current
 * then handles it on the way to user mode. Sees all sent under a lock that the caller holds. */
bool signal_to_handle(void);
/* Dequeue the next signal that is not in `blocked`; 0: none. Caller holds sighand->lock. */
int dequeue_signal(struct task *p, sigset_t64 blocked, ksiginfo_t *info);
/* Set current's mask. The caller holds no sighand->lock. */
void set_current_blocked(sigset_t64 set);
bool on_alt_stack(u64 sp); /* of current: kernel/signal/signal_calls.c */
/* On the way to user mode with a signal pending: deliver, stop or die. */
void do_signal(struct pt_regs *regs);
/* This thread stops, or exits, with JOBCTL_STOP_PENDING: true when it was the last one that the
 * stop waited for. If it is to be in a core dump, wait for that. Caller holds sighand->lock, which
 * is then released for that time. */
bool leave_group_stop(struct task *p);

/* ---- fork ---- */

int copy_signal(u64 flags, struct task *p); /* 0 or -ENOMEM */
struct signal *alloc_signal(void);          /* only what put_signal() wants is set; or NULL */
void put_signal(struct signal *sig);
