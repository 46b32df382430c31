/*
 * The birth of a task.
 *
 *   do_fork()             checks the flags, takes a pid, makes the child, starts it
 *     ptrace_fork_event() which event the tracer wants to hear of: ptrace_event() tells it below
 *     check_clone_flags()
 *     alloc_pid()         kernel/pid.c: a struct pid with the next number off the pidmap; the
 *                         textbooks' alloc_pidmap()
 *     copy_process()      makes the child step by step; it is invisible until the last step
 *       dup_task_struct() the struct, and its kernel stack
 *       copy_creds()      kernel/cred.c: user and group ids; counts it for RLIMIT_NPROC
 *       sched_fork()      kernel/sched/core.c: part of the parent's timeslice
 *       copy_semundo()    kernel/ipc/semundo.c: semaphore operations that exit undoes
 *       copy_files()      descriptors
 *       copy_fs()         root, working directory, umask
 *       copy_signal()     kernel/signal/deliver.c: the state of a thread group
 *       copy_sighand()    kernel/signal/action.c: handlers
 *       copy_mm()         memory: mm/mm.c, mm/tree.c
 *       copy_attachment() kernel/attachment.h: an attachment (today: the shell's puppet)
 *       copy_thread()     arch/x86_64/process.c: registers, FPU, TLS
 *       publish_child()   puts it into the process tree; fails if a signal has arrived
 *         ptrace_init_task()  kernel/ptrace/attach.c: its parent's tracer traces it too
 *         copy_seccomp()      kernel/seccomp/filter.c: filters of its system calls
 *     wake_up_new_task()  kernel/sched/core.c: queued just ahead of the parent, so that the child
 *                         runs first, unless they share memory, sched.child_first=0, or the
 *                         child has another priority, is real-time or on another CPU
 *     wait_for_vfork_done()
 *
 * mm/tree.c makes the child's memory copy-on-write, and mm/fault.c copies a page at the first
 * write. The system calls at the end of this file only translate their arguments. clone(2),
 * fork(2), vfork(2).
 */
#include "kernel/fork.h"

#include "kernel/attachment.h"
#include "kernel/debug/debug.h"
#include "kernel/futex/futex.h"
#include "kernel/lib/log.h"
#include "kernel/lib/string.h"
#include "kernel/lib/syscall.h"
#include "kernel/lib/tunable.h"
#include "kernel/perf/perf.h"
#include "kernel/ptrace/ptrace.h"
#include "kernel/resources.h"
#include "kernel/rseq/rseq.h"
#include "kernel/seccomp/seccomp.h"
#include "kernel/task.h"
#include "kernel/time/timer.h"
#include "kernel/trace/trace.h"
#include "mm/ctor_cache.h"
#include "mm/mm.h"
#include "mm/page.h"
#include "mm/vmalloc.h"

/* Guards the process tree, thread groups, sessions and the links between pids and tasks. */
spinlock_t tasklist_lock = SPINLOCK_INIT(LOCK_TASKLIST);
atomic_t nr_threads = ATOMIC_INIT(1); /* the first idle task */
atomic_t nr_task_structs = ATOMIC_INIT(1);
u64 total_forks;
long max_threads;
TUNABLE(max_threads, "kernel.threads-max", max_threads, 1, PID_MAX_LIMIT, NULL,
	"tasks that may be alive at once");

/* ---- flags ---- */

#define CLONE_SUPPORTED                                                                            \
	(CSIGNAL | CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_VFORK |               \
	 CLONE_PARENT | CLONE_THREAD | CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID | \
	 CLONE_DETACHED | CLONE_CHILD_SETTID | CLONE_CLEAR_SIGHAND | CLONE_SYSVSEM |               \
	 CLONE_PTRACE | CLONE_UNTRACED)

/* 0, or -EINVAL for a combination that clone(2) calls illegal or a flag that is not supported. */
static int check_clone_flags(const struct kernel_clone_args *args)
{
	u64 flags = args->flags;

	if (flags & ~(u64)CLONE_SUPPORTED)
		return -EINVAL;
	/* Threads share handlers; tasks that share handlers share the memory in which these lie. */
	if ((flags & CLONE_THREAD) && !(flags & CLONE_SIGHAND))
		return -EINVAL;
	if ((flags & CLONE_SIGHAND) && (!(flags & CLONE_VM) || (flags & CLONE_CLEAR_SIGHAND)))
		return -EINVAL;
	/* A sibling of init would be a child of pid 0, which never reaps. */
	if ((flags & CLONE_PARENT) && current->signal->leader == child_reaper)
		return -EINVAL;
	return 0;
}

/* ---- the bare task: the struct, its kernel stack, and room for FPU registers ---- */

/* A free task struct keeps its kernel stack and, if it has one, its room for FPU registers. */
static int construct_task(void *obj)
{
	struct task *p = obj;

	p->thread.fpu = NULL;
	p->stack = alloc_kernel_stack();
	return p->stack ? 0 : -ENOMEM;
}

static void destroy_task(void *obj)
{
	struct task *p = obj;

	arch_free_thread(p);
	free_kernel_stack(p->stack);
}

CTOR_CACHE(task_cache, construct_task, destroy_task);

void fork_init(void)
{
	ctor_cache_init(&task_cache, "task", sizeof(struct task), 64);
	if (max_threads == 0)
		/* Kernel stacks may take an eighth of the memory, as on Linux. */
		max_threads = MAX(nr_total_pages() * PAGE_SIZE / KERNEL_STACK_SIZE / 8, 20UL);
}

static void free_task(struct task *p)
{
	ctor_cache_free(&task_cache, p);
	atomic_dec(&nr_task_structs);
}

void drain_task_cache(void)
{
	ctor_cache_drain(&task_cache);
	drain_kernel_stacks();
}

struct task *dup_task_struct(const struct task *parent)
{
	struct task *p = ctor_cache_alloc(&task_cache);

	if (!p)
		return NULL;
	memset((char *)p + TASK_ZERO_START, 0, TASK_COPY_START - TASK_ZERO_START);
	memcpy((char *)p + TASK_COPY_START, (const char *)parent + TASK_COPY_START,
	       sizeof(*p) - TASK_COPY_START);
	if (DEBUG_CHECKS)
		stack_poison(p->stack);
	/* One reference is dropped by the task's reaper, one by the last switch away from it. */
	refcount_set(&p->usage, 2);
	spin_lock_init(&p->lock, LOCK_TASK);
	list_init(&p->tracees);
	list_init(&p->children);
	list_init(&p->zombies);
	list_init(&p->jobs);
	sigpending_init(&p->pending);
	p->start_time = ktime_get();
	p->default_slack = parent->timer_slack;
	atomic_inc(&nr_task_structs);
	return p;
}

void put_task(struct task *p)
{
	if (!refcount_dec_and_test(&p->usage))
		return;
	DEBUG_ON(p->mm || p->files || p->fs || p->pi_blocked || !list_empty(&p->pi_waiters));
	put_signal(p->signal);
	exit_creds(p);
	free_task(p);
}

/* ---- the steps of copy_process(): each shares what the flags say and copies the rest ---- */

static int copy_files(u64 flags, struct task *p)
{
	struct files *files = current->files;

	if (!files)
		return 0; /* a kernel thread without files */
	if (flags & CLONE_FILES)
		files_get(files);
	else if (!(files = files_clone(files)))
		return -ENOMEM;
	p->files = files;
	return 0;
}

static int copy_fs(u64 flags, struct task *p)
{
	struct fs_context *fs = current->fs;

	if (fs)
		fs = fs_context_fork(fs, flags & CLONE_FS);
	if (IS_ERR(fs)) /* -EAGAIN: another thread is in an exec that may gain rights */
		return PTR_ERR(fs);
	p->fs = fs;
	return 0;
}

static int copy_mm(u64 flags, struct task *p)
{
	struct mm *mm = current->mm;

	if (!mm || (p->flags & PF_KTHREAD))
		return 0; /* a kernel thread borrows: kernel/sched/switch.c */
	if (flags & CLONE_VM)
		mm_get(mm);
	else if (!(mm = mm_clone(mm)))
		return -ENOMEM;
	p->mm = p->active_mm = mm;
	return 0;
}

/* ---- making the child visible ---- */

static void set_parent(struct task *p, struct task *parent, u64 exec_id)
{
	p->real_parent = p->parent = parent;
	p->parent_exec_id = exec_id;
	p->ppid_nr = parent->tgid_nr;
}

/* Set the fields that need no lock: no other task can see the child yet. */
static void set_child_identity(struct task *p, const struct kernel_clone_args *args,
			       struct pid *pid)
{
	p->pid_nr = pid->nr;
	if (args->flags & CLONE_THREAD) {
		p->group_leader = current->group_leader;
		p->tgid_nr = current->tgid_nr;
		p->exit_signal = -1;
	} else {
		p->group_leader = p;
		p->tgid_nr = p->pid_nr;
		p->signal->leader = p;
		p->signal->pid = pid;
		list_add_tail(&p->thread_node, &p->signal->threads);
		p->exit_signal = args->flags & CLONE_PARENT ? current->group_leader->exit_signal
							    : args->exit_signal;
	}
	set_parent(p, current, current->self_exec_id);
	p->set_child_tid = args->flags & CLONE_CHILD_SETTID ? args->child_tid : NULL;
	p->clear_child_tid = args->flags & CLONE_CHILD_CLEARTID ? args->child_tid : NULL;
}

/* Cannot fail. Caller holds tasklist_lock; for a thread, sighand->lock as well. */
static void link_child(struct task *p, u64 flags)
{
	if (flags & (CLONE_PARENT | CLONE_THREAD))
		set_parent(p, current->real_parent, current->parent_exec_id);
	if (flags & CLONE_THREAD) {
		p->signal->nr_threads++;
		p->signal->live++;
		list_add_tail(&p->thread_node, &p->signal->threads);
	} else {
		p->signal->tty = current->signal->tty;
		list_add_tail(&p->sibling, &p->real_parent->children);
		attach_pid(p, PIDTYPE_PGID, current->group_leader->pids[PIDTYPE_PGID]);
		attach_pid(p, PIDTYPE_SID, current->group_leader->pids[PIDTYPE_SID]);
	}
	p->birth = total_forks++;
}

/* The last step: set parent, thread group and pid links. From here on the child can be found,
 * signalled and killed. Fails only if a signal has arrived meanwhile: if it was for the process
 * group, it has missed the child, which is not in the group yet. */
static int publish_child(struct task *p, const struct kernel_clone_args *args, struct pid *pid)
{
	bool thread = args->flags & CLONE_THREAD, interrupted;
	u64 irq = 0;

	spin_lock(&tasklist_lock);
	if (thread)
		irq = spin_lock_irqsave(&current->sighand->lock);
	interrupted = signal_to_handle() && !(current->flags & PF_KTHREAD);
	if (!interrupted) {
		link_child(p, args->flags);
		if (is_traced(current) && (args->event || (args->flags & CLONE_PTRACE)))
			ptrace_init_task(p);
		copy_seccomp(p, thread);
		set_number(p, pid); /* last: from here on a search by number finds the child without
				       these locks */
	}
	if (thread)
		spin_unlock_irqrestore(&current->sighand->lock, irq);
	spin_unlock(&tasklist_lock);
	if (interrupted)
		return -ERESTARTNOINTR;
	atomic_inc(&nr_threads);
	return 0;
}

/* Make a child of `current` with the number `pid`. The child does not run yet. On failure nothing
 * is left of it: -EAGAIN (RLIMIT_NPROC, threads-max), -ENOMEM, -EPERM (TLS), -ERESTARTNOINTR (a
 * signal). */
static struct task *copy_process(struct kernel_clone_args *args, struct pid *pid)
{
	u64 flags = args->flags;
	struct task *p;
	int err;

	/* A pending signal is handled before the fork: its handler runs once, in the parent. */
	if (signal_pending(current) && !(current->flags & PF_KTHREAD))
		return ERR_PTR(-ERESTARTNOINTR);

	if (atomic_read(&nr_threads) >= max_threads)
		return ERR_PTR(-EAGAIN);

	p = dup_task_struct(current);
	if (!p)
		return ERR_PTR(-ENOMEM);
	copy_creds(p);
	err = -EAGAIN;
	if (cred_over_limit(p->cred)) /* copy_creds() has counted the child */
		goto bad_fork_cleanup_creds;

	p->flags &= ~(PF_IDLE | PF_KTHREAD | PF_NPROC_EXCEEDED);
	p->flags |= PF_FORKNOEXEC | (args->fn ? PF_KTHREAD : 0);
	if (args->name)
		strlcpy(p->comm, args->name, sizeof(p->comm));
	if ((flags & (CLONE_VM | CLONE_VFORK)) == CLONE_VM)
		p->sas_sp = p->sas_size = 0; /* not inherited: sigaltstack(2) */
	rseq_fork(p, flags);

	sched_fork(p);
	err = copy_perf(p, flags);
	if (err)
		goto bad_fork_cleanup_sched;
	err = copy_semundo(flags, p);
	if (err)
		goto bad_fork_cleanup_perf;
	err = copy_files(flags, p);
	if (err)
		goto bad_fork_cleanup_semundo;
	err = copy_fs(flags, p);
	if (err)
		goto bad_fork_cleanup_files;
	err = copy_signal(flags, p);
	if (err)
		goto bad_fork_cleanup_fs;
	copy_sighand(flags, p);
	err = copy_mm(flags, p);
	if (err)
		goto bad_fork_cleanup_sighand;
	err = args->fn ? 0 : copy_attachment(p);
	if (err)
		goto bad_fork_cleanup_mm;
	err = copy_thread(p, args);
	if (err)
		goto bad_fork_cleanup_attachment;

	set_child_identity(p, args, pid);
	err = publish_child(p, args, pid);
	if (err)
		goto bad_fork_cleanup_attachment;
	return p;

bad_fork_cleanup_attachment:
	release_attachment(
		p); /* copy_thread() needs no undo: the FPU room stays with the free task */
bad_fork_cleanup_mm:
	if (p->mm)
		mm_put(p->mm);
bad_fork_cleanup_sighand:
	put_sighand(p->sighand); /* copy_sighand() cannot fail: no label of its own */
	put_signal(p->signal);
bad_fork_cleanup_fs:
	if (p->fs)
		fs_context_put(p->fs);
bad_fork_cleanup_files:
	files_put(p->files);
bad_fork_cleanup_semundo:
	exit_sem(p);
bad_fork_cleanup_perf:
	exit_perf(p);
bad_fork_cleanup_sched:
	sched_unfork(p);
bad_fork_cleanup_creds:
	exit_creds(p);
	free_task(p);
	return ERR_PTR(err);
}

/* ---- vfork: the parent sleeps until the child no longer uses its memory ---- */

/* The child clears its vfork_parent and wakes the parent under its own lock. So once the parent has
 * taken that lock, the child no longer uses the parent. Drops the reference to the child. */
static void wait_for_vfork_done(struct task *child, pid_t nr)
{
	trace_vfork_wait(current, nr);
	for (;;) {
		/* A full barrier: this task sees the wait over, or the child sees it asleep. */
		__atomic_exchange_n(&current->state, TASK_KILLABLE, __ATOMIC_SEQ_CST);
		if (!READ_ONCE(child->vfork_parent) || fatal_signal_pending(current))
			break;
		schedule();
	}
	WRITE_ONCE(current->state, TASK_RUNNING);
	spin_lock(&child->lock);
	guarded(child, vfork_parent) = NULL; /* it is still set when a signal ended the wait */
	spin_unlock(&child->lock);
	put_task(child);
	trace_vfork_done(current, nr);
}

void complete_vfork_done(struct task *p)
{
	struct task *parent = guarded(p, vfork_parent);

	if (!parent)
		return;
	WRITE_ONCE(p->vfork_parent, NULL);
	wake_up_process(parent);
}

void mm_release(struct task *p, bool exec)
{
	futex_exit(p, exec);
	/* set_tid_address(2): skipped if no other task shares the memory. */
	if (p->clear_child_tid) {
		if (refcount_read(&p->mm->users) > 1 && put_user(0, p->clear_child_tid) == 0)
			futex_wake((u64)p->clear_child_tid, false, 1, FUTEX_BITSET_MATCH_ANY);
		p->clear_child_tid = NULL;
	}
}

/* ---- do_fork ---- */

/* Returns the child's pid, -EINVAL (flags), -EAGAIN (no free pid) or an error of copy_process(). */
pid_t do_fork(struct kernel_clone_args *args)
{
	u64 start = cpu_cycles();
	struct task *p;
	struct pid *pid;
	pid_t nr;
	int err = check_clone_flags(args);

	if (err)
		return err;
	if (is_traced(current))
		args->event = ptrace_fork_event(args->flags, args->exit_signal);
	pid = alloc_pid(&init_pidmap);
	if (IS_ERR(pid))
		return PTR_ERR(pid);
	p = copy_process(args, pid);
	if (IS_ERR(p)) {
		free_pid(pid);
		return PTR_ERR(p);
	}

	/* Read the number now: once the child runs it may exit, and `pid` be freed. */
	nr = pid->nr;
	publish_attachment(p);
	trace_sched_process_fork(current, p);
	if (args->flags & CLONE_PARENT_SETTID)
		(void)put_user(nr, args->parent_tid); /* as on Linux, a bad address is no error */
	if (args->flags & CLONE_VFORK) {
		get_task(p);
		p->vfork_parent = current;
	}

	if (args->stopped) { /* it stops as soon as it runs */
		task_set_work(p, WORK_SIGPENDING);
		send_signal(SIGSTOP, NULL, p, true);
	}

	current->fork_cycles = cpu_cycles() - start;
	wake_up_new_task(p, args->flags);
	if (unlikely(args->event))
		ptrace_event(args->event, nr);
	if (args->flags & CLONE_VFORK) {
		wait_for_vfork_done(p, nr);
		ptrace_event(PTRACE_EVENT_VFORK_DONE, nr);
	}
	return nr;
}

pid_t kernel_thread(int (*fn)(void *), void *arg, const char *name)
{
	struct kernel_clone_args args = {.flags = CLONE_VM | CLONE_FS | CLONE_FILES,
					 .exit_signal = SIGCHLD,
					 .fn = fn,
					 .fn_arg = arg,
					 .name = name};

	return do_fork(&args);
}

/* ---- the system calls ---- */

/* CLONE_STOPPED left the ABI (its bit is CLONE_NEWCGROUP now): only attachments ask for it. */
static bool clone_stopped(void)
{
	return current->attached && current->attached->ops->stops_clone();
}

long sys_fork(void)
{
	struct kernel_clone_args args = {.exit_signal = SIGCHLD};

	return do_fork(&args);
}

long sys_vfork(void)
{
	struct kernel_clone_args args = {.flags = CLONE_VFORK | CLONE_VM, .exit_signal = SIGCHLD};

	return do_fork(&args);
}

long sys_clone(unsigned long flags, unsigned long stack, int __user *ptid, int __user *ctid,
	       unsigned long tls)
{
	struct kernel_clone_args args = {
		.flags = (u32)flags & ~CSIGNAL, /* as on Linux, this call has only 32 flags */
		.parent_tid = ptid,
		.child_tid = ctid,
		.exit_signal = flags & CSIGNAL,
		.stack = stack,
		.tls = tls,
		.stopped = clone_stopped(),
	};

	/* As on Linux, an exit signal of 65 … 255 is accepted and none is sent at exit. */
	return do_fork(&args);
}

/* 0, or -EINVAL for what do_fork() does not support and what clone3(2) calls illegal. */
static int check_clone3(const struct clone_args *u)
{
	if (u->flags & (CSIGNAL | CLONE_DETACHED))
		return -EINVAL;
	/* u->pidfd and u->cgroup mean nothing without their flags, which are refused. */
	if (u->set_tid || u->set_tid_size)
		return -EINVAL;
	if (u->exit_signal > _NSIG)
		return -EINVAL;
	if ((u->flags & (CLONE_THREAD | CLONE_PARENT)) && u->exit_signal)
		return -EINVAL;
	if (!u->stack != !u->stack_size)
		return -EINVAL;
	if (u->stack && (u->stack >= TASK_SIZE || u->stack_size > TASK_SIZE - u->stack))
		return -EINVAL;
	return 0;
}

long sys_clone3(struct clone_args __user *uargs, size_t size)
{
	struct clone_args u;
	int err;

	if (size > PAGE_SIZE)
		return -E2BIG;
	if (size < CLONE_ARGS_SIZE_VER0)
		return -EINVAL;
	err = copy_struct_from_user(&u, sizeof(u), uargs, size);
	if (!err)
		err = check_clone3(&u);
	if (err)
		return err;

	struct kernel_clone_args args = {
		.flags = u.flags,
		.parent_tid = (int __user *)u.parent_tid,
		.child_tid = (int __user *)u.child_tid,
		.exit_signal = (int)u.exit_signal,
		.stack = u.stack,
		.stack_size = u.stack_size,
		.tls = u.tls,
	};
	return do_fork(&args);
}
