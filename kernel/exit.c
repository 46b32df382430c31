/*
 * The end of a task.
 *
 *   exit_task()       gives back what the task holds: memory, files, directory, terminal
 *     exit_notify()   hands the children to a new parent and tells the task's own parent
 *     schedule()      for the last time: the next task drops a reference (sched/switch.c)
 *   release_task()    the rest of a task that no parent waits for. For a zombie wait.c does the
 *                     same by unlink_task() and forget_task()
 *
 * A thread group ends as one: do_group_exit() and fatal signals make every other thread exit with
 * the same code.
 */
#include "kernel/exit.h"

#include "kernel/attachment.h"
#include "kernel/fork.h"
#include "kernel/kthread.h"
#include "kernel/lib/log.h"
#include "kernel/lib/syscall.h"
#include "kernel/perf/perf.h"
#include "kernel/ptrace/ptrace.h"
#include "kernel/resources.h"
#include "kernel/seccomp/seccomp.h"
#include "kernel/signal/group_exit.h"
#include "kernel/signal/orphaned_pgrp.h"
#include "kernel/signal/sigqueue.h"
#include "kernel/task.h"
#include "kernel/timers/posix_timer.h"
#include "kernel/trace/trace.h"
#include "mm/mm.h"

struct task *child_reaper;

/* ---- release ---- */

/* Detach `p` from its number and its handlers, the last two ways in which a signal reaches it. */
static void leave_handlers(struct task *p)
{
	struct signal *sig = p->signal;
	struct sighand *sighand = p->sighand;
	u64 flags;

	clear_number(p); /* first: a sender that finds no handlers must not find `p` again */
	spin_lock(&p->lock);
	flags = spin_lock_irqsave(&sighand->lock);
	list_del(&p->thread_node);
	remove_pending(&p->pending, ~0UL);
	if (sig->nr_threads == 0)
		remove_pending(&sig->shared, ~0UL);
	else
		add_charged_usage(p, &sig->gone); /* the process goes on: its total includes it */
	guarded(p, sighand) = NULL;
	spin_unlock_irqrestore(&sighand->lock, flags);
	spin_unlock(&p->lock);
	put_sighand(sighand);
}

/* The last thread of a process leaves its handlers in forget_task(), without tasklist_lock. */
void unlink_task(struct task *p)
{
	struct signal *sig = p->signal;

	if (is_traced(p))
		ptrace_unlink(p);
	if (--sig->nr_threads > 0)
		leave_handlers(p);
	if (thread_group_leader(p)) {
		detach_pid(p, PIDTYPE_PGID);
		detach_pid(p, PIDTYPE_SID);
		WRITE_ONCE(sig->tty, NULL);
		list_del(&p->sibling);
	}
	if (sig->exec_task)
		wake_up_process(sig->exec_task);
}

void forget_task(struct task *p)
{
	if (p->sighand)
		leave_handlers(p);
	atomic_dec(&nr_threads);
	put_task(p);
}

/* ---- zombies ---- */

/* wait() for any child takes the eldest zombie first, so the list is sorted by birth. A new zombie
 * passes at most this many younger ones on the way to its place: there can be very many. */
#define YOUNGER_PASSED_MAX 64

void move_by_birth(struct task *p, struct list_head *list)
{
	struct list_head *at = list->prev;

	for (int i = 0; i < YOUNGER_PASSED_MAX && at != list; i++, at = at->prev)
		if (list_entry(at, struct task, sibling)->birth < guarded(p, birth))
			break;
	list_del(&p->sibling);
	list_add(&p->sibling, at);
}

/* Report the end of `p` to its parent by `sig`. False: `p` is a zombie until the parent waits.
 * True: the parent does not want to, and the caller must release `p`. Caller: tasklist_lock. */
static bool report_end(struct task *p, int sig)
{
	if (!do_notify_parent(p, sig)) {
		move_by_birth(p, &p->real_parent->zombies);
		return false;
	}
	guarded(p, exit_state) = TASK_DEAD;
	task_charge(p);
	return true;
}

/* The caller has set exit_state to TASK_DEAD, so no other task releases `p`. */
void release_task(struct task *p)
{
	struct task *leader = p->group_leader;
	bool leader_too;

	spin_lock(&tasklist_lock);
	sched_exit(p);
	unlink_task(p);
	/* A leader that ended before its threads is reported when the last of them is gone. */
	leader_too = leader != p && leader->signal->nr_threads == 1 &&
		     guarded(leader, exit_state) == TASK_ZOMBIE &&
		     report_end(leader, leader->exit_signal);
	spin_unlock(&tasklist_lock);
	forget_task(p);
	if (leader_too)
		release_task(leader);
}

/* ---- exit ---- */

static noinline void exit_rare_resources(struct task *p)
{
	if (p->thread.debug)
		arch_drop_breakpoints(p);
	if (p->seccomp)
		seccomp_exit(p);
	exit_perf(p);
}

/* Drop memory, semaphore adjustments, files and directory; wake a parent in vfork(2). */
static void exit_resources(struct task *p, bool group_dead)
{
	struct fs_context *fs = p->fs;
	struct files *files = p->files;
	struct mm *mm = p->mm;
	bool last_of_fs;
	u64 flags;

	if (mm) {
		mm_release(p, false);
		mm_grab(mm); /* active_mm points to it until the next switch */
	}
	spin_lock(&p->lock);
	complete_vfork_done(p);
	guarded(p, files) = NULL;
	last_of_fs = fs && fs_context_leave(&p->fs, NULL);
	if (mm) {
		if (group_dead) /* all threads had the same memory */
			p->signal->gone.max_pages =
				MAX(p->signal->gone.max_pages, mm_peak_resident(mm));
		flags = local_irq_save();
		guarded(p, mm) = NULL;
		p->active_mm = mm;
		local_irq_restore(flags);
	}
	spin_unlock(&p->lock);
	if (mm)
		mm_put(mm);
	exit_sem(p);
	/* one test for all of them */
	if (unlikely((u64)p->thread.debug | (u64)p->seccomp | (u64)READ_ONCE(p->perf)))
		exit_rare_resources(p);
	if (files)
		files_put(files);
	if (last_of_fs)
		fs_context_free(fs);
}

struct task *living_thread(struct signal *sig, const struct task *p)
{
	struct task *t;

	list_for_each_entry (t, &sig->threads, thread_node)
		if (t != p && !(t->flags & PF_EXITING))
			return t;
	return NULL;
}

/* The new parent for the children of `p`: another thread of its group, the nearest ancestor that
 * asked for it (PR_SET_CHILD_SUBREAPER), or pid 1. */
static struct task *find_new_reaper(struct task *p)
{
	struct task *reaper = living_thread(p->signal, p), *up;

	for (up = p->real_parent; !reaper && up != child_reaper && up != &init_task;
	     up = up->real_parent)
		if (READ_ONCE(up->signal->child_subreaper))
			reaper = living_thread(up->signal, p);
	return reaper ?: child_reaper;
}

/* prctl(2), PR_SET_PDEATHSIG: sent also when the parent that ends is one of several threads. */
static void send_death_signals(struct task *child)
{
	ksiginfo_t info;
	struct task *t;

	list_for_each_entry (t, &child->signal->threads, thread_node) {
		int sig = READ_ONCE(t->pdeath_signal);

		if (!sig)
			continue;
		sigqueue_user_info(&info, sig, SI_USER);
		send_signal(sig, &info, t, true);
	}
}

static void set_parent(struct task *child, struct task *parent)
{
	struct task *t;

	list_for_each_entry (t, &child->signal->threads, thread_node) {
		t->real_parent = parent;
		if (!is_traced(t))
			t->parent = parent;
		WRITE_ONCE(t->ppid_nr, parent->tgid_nr);
	}
	list_move_tail(&child->sibling, child->in_jobs ? &parent->jobs : &parent->children);
}

/* Hand `child` of `p` to `reaper`. A zombie that `reaper` does not want to wait for is unlinked in
 * this hold of tasklist_lock and goes to `dead`: a linked task in no parent's list would keep a
 * parent that has ended. True when a process group was walked. */
static bool move_child(struct task *child, struct task *p, struct task *reaper,
		       struct list_head *dead)
{
	bool zombie = child->exit_state == TASK_ZOMBIE && child->signal->nr_threads == 1;
	bool walked = false;

	set_parent(child, reaper);
	send_death_signals(child);
	if (zombie && (reaper->signal == p->signal || is_traced(child)))
		move_by_birth(child, &reaper->zombies);
	if (reaper->signal == p->signal)
		return false;
	child->exit_signal = SIGCHLD; /* the new parent chose no signal */
	if (child->exit_state != TASK_DEAD)
		walked = kill_orphaned_pgrp(child, p);
	if (zombie && !is_traced(child) && report_end(child, SIGCHLD)) {
		sched_exit(child);
		unlink_task(child);
		list_add(&child->sibling, dead);
	}
	return walked;
}

static struct task *first_child(const struct task *p)
{
	const struct list_head *list =
		list_empty(&guarded(p, children)) ? &p->zombies : &p->children;

	if (list_empty(list))
		list = &p->jobs;
	return list_empty(list) ? NULL : list_entry(list->next, struct task, sibling);
}

/* Children handed over in one hold of tasklist_lock. A walk of a process group ends the hold. */
#define CHILDREN_MOVED_MAX 32

/* False when some of the children are still to be handed over. The caller holds tasklist_lock. */
static bool forget_original_parent(struct task *p, struct list_head *dead)
{
	struct task *reaper, *child = first_child(p);

	if (!child)
		return true;
	reaper = find_new_reaper(p);
	for (int i = 0; child && i < CHILDREN_MOVED_MAX; i++, child = first_child(p))
		if (move_child(child, p, reaper, dead))
			i = CHILDREN_MOVED_MAX;
	return !child;
}

/* Hand all children over. Returns with tasklist_lock held. While the lock is free in between, `p`
 * is running and so is not freed, and its remaining children stay in its lists. */
static void disown_children(struct task *p)
{
	struct list_head dead = LIST_HEAD_INIT(dead);
	struct task *child;

	for (;;) {
		spin_lock(&tasklist_lock);
		if (list_empty(&p->tracees) && forget_original_parent(p, &dead) &&
		    list_empty(&dead))
			return;
		spin_unlock(&tasklist_lock);
		exit_ptrace(p);
		while ((child = list_take_first(&dead, struct task, sibling)) != NULL)
			forget_task(child);
	}
}

/* Notify children and parent. On return `p` may be reaped at any moment; preemption is off. */
static void exit_notify(struct task *p, bool group_dead)
{
	bool dead;

	disown_children(p);
	if (group_dead) /* the process is gone, not only its first thread */
		kill_orphaned_pgrp(p->group_leader, NULL);
	dead = !thread_group_leader(p) && !is_traced(p);
	guarded(p, exit_state) = dead ? TASK_DEAD : TASK_ZOMBIE;
	if (thread_group_leader(p) && p->signal->nr_threads == 1) /* else its last thread reports */
		dead = report_end(p, traced_by_stranger(p) ? SIGCHLD : p->exit_signal);
	else if (is_traced(p))
		do_notify_parent(p, SIGCHLD);
	if (p->signal->exec_task)
		wake_up_process(p->signal->exec_task);
	spin_unlock(&tasklist_lock);

	/* `p` is still in its group, a leader also in its parent's list. Only this CPU may release
	 * `p`. If the parent ends meanwhile, `p` gets another; a thread's leader stays until `p` is
	 * released. */
	if (dead) {
		task_charge(p);
		release_task(p);
	}
}

/* Mark `p` as exiting. `code` is what wait4(2) will show, unless the group is already ending with a
 * code of its own. `group`: the whole group ends. True for the last thread of the group. */
static bool exit_signals(struct task *p, int code, bool group)
{
	struct signal *sig = p->signal;
	u64 flags = spin_lock_irqsave(&p->sighand->lock);
	bool last, stopped = false;

	if (group && !sig->group_exit) /* else another thread was first */
		begin_group_exit(p, code);
	p->flags |= PF_EXITING;
	p->exit_code = sig->group_exit ? sig->group_exit_code : code;
	last = --sig->live == 0;
	if (last) /* the exit code of a process is that of its last thread */
		p->group_leader->exit_code = p->exit_code;
	/* Other threads handle what was sent to the process, and a group stop does not wait for
	 * `p`. */
	retarget_shared_pending(p, ~p->blocked);
	if (unlikely(guarded(p, jobctl))) {
		stopped = (p->jobctl & JOBCTL_STOP_PENDING) && leave_group_stop(p);
		p->jobctl = 0;
	}
	spin_unlock_irqrestore(&p->sighand->lock, flags);
	if (stopped && !last)
		notify_parent_stop(p, CLD_STOPPED);
	return last;
}

static void __noreturn exit_task(int code, bool group)
{
	struct task *p = current;
	bool group_dead;

	BUG_ON(irq_depth() != 0);
	BUG_ON(p->flags & PF_IDLE);
	if (is_traced(p))
		ptrace_exit_event(code, group);
	group_dead = exit_signals(p, code, group);
	trace_sched_process_exit(p, p->exit_code);

	if (group_dead) {
		itimer_stop(&p->signal->real_timer);
		posix_timers_exit(p);
		if (unlikely(p->signal->may_trace))
			(void)ptrace_allow(0);
	}
	exit_resources(p, group_dead);
	if (group_dead && p->signal->session_leader)
		tty_disassociate(p, true);

	/* Preemption stays off to the end: from exit_notify() on the parent may reap `p`. */
	preempt_disable();
	release_attachment(p); /* late: its holder looks at what is left of the task */
	exit_notify(p, group_dead);
	if (p->flags & PF_KTHREAD)
		kthread_exited();
	local_irq_disable();
	preempt_enable_no_resched();
	do { /* again, if a late wake-up has set the state */
		WRITE_ONCE(p->state, TASK_DEAD);
		schedule();
		local_irq_disable(); /* a dead task that is preempted would be freed while queued */
	} while (p->state != TASK_DEAD);
	panic("a dead task was scheduled\n");
}

void do_exit(int code)
{
	exit_task(code, false);
}

/* End every thread of current's group with the wait status `code`. */
void do_group_exit(int code)
{
	exit_task(code, true);
}

long sys_exit(int status)
{
	do_exit((status & 0xff) << 8);
}

long sys_exit_group(int status)
{
	do_group_exit((status & 0xff) << 8);
}
