/*
 * The end of a task.
 *
 *   exit_task()       gives back what the task holds: memory, files, directory, terminal
 *     exit_notify()   children go to a new parent; the own parent is told, or need not be
 *     schedule()      for the last time: the next task drops the last reference (sched/switch.c)
 *   release_task()    what is left of a zombie, when its parent has waited for it (wait.c); at once
 *                     when nobody is to wait
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
#include "kernel/resources.h"
#include "kernel/signal/sigqueue.h"
#include "kernel/task.h"
#include "kernel/timers/posix_timer.h"
#include "kernel/trace/trace.h"
#include "mm/mm.h"

struct task *child_reaper;

/* ---- orphaned process groups: setpgid(2), credentials(7) ---- */

static bool in_same_session(const struct task *a, const struct task *b)
{
	return a->group_leader->pids[PIDTYPE_SID] == b->group_leader->pids[PIDTYPE_SID];
}

/* A group is orphaned when no member has a parent outside the group but in the same session: nobody
 * with job control could ever continue it. */
bool will_become_orphaned_pgrp(struct pid *pgrp, struct task *ignored)
{
	struct task *p;

	list_for_each_entry (p, &pgrp->tasks[PIDTYPE_PGID], pid_links[PIDTYPE_PGID]) {
		struct task *parent = p->real_parent->group_leader;

		if (p == ignored || (p->exit_state && p->signal->nr_threads == 1) ||
		    parent == child_reaper)
			continue;
		if (parent->pids[PIDTYPE_PGID] != pgrp && in_same_session(parent, p))
			return false;
	}
	return true;
}

bool is_current_pgrp_orphaned(void)
{
	bool orphaned;

	spin_lock(&tasklist_lock);
	orphaned = will_become_orphaned_pgrp(current->group_leader->pids[PIDTYPE_PGID], NULL);
	spin_unlock(&tasklist_lock);
	return orphaned;
}

static bool has_stopped_jobs(struct pid *pgrp)
{
	struct task *p;

	list_for_each_entry (p, &pgrp->tasks[PIDTYPE_PGID], pid_links[PIDTYPE_PGID])
		if (p->signal->stopped)
			return true;
	return false;
}

/* `p` exits, or loses its parent: if that orphans its group and members are stopped, they would
 * stay so for ever. POSIX gives them SIGHUP and SIGCONT. True when it took a walk of the group. */
static bool kill_orphaned_pgrp(struct task *p, struct task *parent)
{
	struct pid *pgrp = p->group_leader->pids[PIDTYPE_PGID];
	struct task *ignored = p;

	if (!parent)
		parent = p->real_parent;
	else
		ignored = NULL; /* p itself goes on: only its tie to `parent` is cut */
	parent = parent->group_leader;
	if (parent->pids[PIDTYPE_PGID] == pgrp || !in_same_session(parent, p))
		return false;
	if (will_become_orphaned_pgrp(pgrp, ignored) && has_stopped_jobs(pgrp)) {
		kill_pgrp_locked(pgrp, SIGHUP, NULL);
		kill_pgrp_locked(pgrp, SIGCONT, NULL);
	}
	return true;
}

/* ---- release ---- */

/* Off its number and its handlers, the last ways by which signals come. */
static void leave_handlers(struct task *p)
{
	struct signal *sig = p->signal;
	struct sighand *sighand = p->sighand;
	u64 flags;

	clear_number(p); /* first: a task that is found and has no handlers is found no more */
	spin_lock(&p->lock);
	flags = spin_lock_irqsave(&sighand->lock);
	list_del(&p->thread_node);
	flush_pending(&p->pending);
	if (sig->nr_threads == 0) /* else something may still ask what all of them used */
		flush_pending(&sig->shared);
	else
		add_charged_usage(p, &sig->gone);
	guarded(p, sighand) = NULL;
	spin_unlock_irqrestore(&sighand->lock, flags);
	spin_unlock(&p->lock);
	put_sighand(sighand);
}

/* A mere thread leaves the threads that go on at once. For the last task of a process the rest has
 * time until forget_task(): no walk of the tree comes to it any more. */
void unlink_task(struct task *p)
{
	struct signal *sig = p->signal;

	if (--sig->nr_threads > 0)
		leave_handlers(p);
	if (thread_group_leader(p)) {
		detach_pid(p, PIDTYPE_PGID);
		detach_pid(p, PIDTYPE_SID);
		WRITE_ONCE(sig->tty, NULL);
		list_del(&p->sibling);
		list_del(&p->all);
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

/* wait() for any child takes the eldest zombie first, so the list is in the order of their birth. A
 * new one passes so many younger ones on the way to its place, and no more: there can be very many.
 */
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

void become_zombie(struct task *p)
{
	move_by_birth(p, &p->parent->zombies);
}

/* A leader that ended before its threads is reported when the last of them is gone. Caller holds
 * tasklist_lock. True when the leader is to be released too. */
static bool last_thread_gone(struct task *p)
{
	struct task *leader = p->group_leader;

	if (leader == p || leader->signal->nr_threads != 1 ||
	    guarded(leader, exit_state) != TASK_ZOMBIE)
		return false;
	if (!do_notify_parent(leader, leader->exit_signal)) {
		become_zombie(leader);
		return false;
	}
	guarded(leader, exit_state) = TASK_DEAD;
	task_charge(leader);
	return true;
}

/* Its exit_state is TASK_DEAD: the caller is the only one that may do this. */
void release_task(struct task *p)
{
	struct task *leader = p->group_leader;
	bool leader_too;

	spin_lock(&tasklist_lock);
	sched_exit(p);
	unlink_task(p);
	leader_too = last_thread_gone(p);
	spin_unlock(&tasklist_lock);
	forget_task(p);
	if (leader_too)
		release_task(leader);
}

/* ---- exit ---- */

/* Memory, what semaphores are owed, files, directory. The parent in vfork(2) finds all of it gone.
 */
static void exit_resources(struct task *p, bool group_dead)
{
	struct fs_context *fs = p->fs;
	struct files *files = p->files;
	struct mm *mm = p->mm;
	bool last_of_fs;
	u64 flags;

	if (mm) {
		mm_release(p, false);
		/* The CPU still has these tables loaded: keep the root until the next task has its
		 * own. */
		mm_grab(mm);
	}
	spin_lock(&p->lock);
	complete_vfork_done(p);
	guarded(p, files) = NULL;
	last_of_fs = fs && fs_context_leave(&p->fs, NULL);
	if (mm) {
		if (group_dead) /* the threads all had the same */
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
	if (files)
		files_put(files);
	if (last_of_fs)
		fs_context_free(fs);
}

/* A thread of the group that goes on, but not `p`; NULL. */
static struct task *living_thread(struct signal *sig, struct task *p)
{
	struct task *t;

	list_for_each_entry (t, &sig->threads, thread_node)
		if (t != p && !(t->flags & PF_EXITING))
			return t;
	return NULL;
}

/* Who takes the children of `p`: another thread of its group, the nearest ancestor that asked for
 * it (PR_SET_CHILD_SUBREAPER), or pid 1. */
static struct task *find_new_reaper(struct task *p)
{
	struct task *reaper = living_thread(p->signal, p), *up;

	for (up = p->real_parent; !reaper && up != child_reaper && up != &init_task;
	     up = up->real_parent)
		if (READ_ONCE(up->signal->child_subreaper))
			reaper = living_thread(up->signal, p);
	return reaper ? reaper : child_reaper;
}

/* prctl(2), PR_SET_PDEATHSIG: the parent that ends may be a mere thread. */
static void send_death_signals(struct task *child)
{
	ksiginfo_t info;
	struct task *t;

	list_for_each_entry (t, &child->signal->threads, thread_node) {
		int sig = READ_ONCE(t->pdeath_signal);

		if (!sig)
			continue;
		sigqueue_user_info(&info, sig);
		send_signal(sig, &info, t, true);
	}
}

static void set_parent(struct task *child, struct task *parent)
{
	struct task *t;

	list_for_each_entry (t, &child->signal->threads, thread_node) {
		t->real_parent = t->parent = parent;
		WRITE_ONCE(t->ppid_nr, parent->tgid_nr);
	}
	list_move_tail(&child->sibling, child->in_jobs ? &parent->jobs : &parent->children);
}

/* A zombie among the children of `p` goes to `reaper`, or is released when `reaper` does not want
 * to wait for it: in the same hold of tasklist_lock, since only while it is in the list of its
 * parent does it follow when that one ends too. The caller forgets those in `dead`. */
static void move_zombie(struct task *child, struct task *p, struct task *reaper,
			struct list_head *dead)
{
	if (reaper->signal == p->signal || !do_notify_parent(child, SIGCHLD)) {
		become_zombie(child);
		return;
	}
	guarded(child, exit_state) = TASK_DEAD;
	task_charge(child);
	sched_exit(child);
	unlink_task(child);
	list_add(&child->sibling, dead);
}

/* True when it took long. */
static bool move_child(struct task *child, struct task *p, struct task *reaper,
		       struct list_head *dead)
{
	bool walked = false,
	     zombie = child->exit_state == TASK_ZOMBIE && child->signal->nr_threads == 1;

	set_parent(child, reaper);
	send_death_signals(child);
	if (reaper->signal != p->signal)
		child->exit_signal = SIGCHLD; /* init knows no other way */
	if (reaper->signal != p->signal && child->exit_state != TASK_DEAD)
		walked = kill_orphaned_pgrp(child, p);
	if (zombie)
		move_zombie(child, p, reaper, dead);
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

/* Children handed over in one hold of tasklist_lock: there may be very many. One whose group has to
 * be looked at is the last of its hold. */
#define CHILDREN_MOVED_MAX 32

/* Caller holds tasklist_lock. False when some of the children are still to be handed over. */
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

static void forget_dead(struct list_head *dead)
{
	struct task *p, *n;

	list_for_each_entry_safe (p, n, dead, sibling)
		forget_task(p);
	list_init(dead);
}

/* Hand all children over. Returns with tasklist_lock held. While it is not, `p` is kept alive by
 * its own CPU, and its children stay in its lists: they follow whatever becomes of it. */
static void disown_children(struct task *p)
{
	struct list_head dead = LIST_HEAD_INIT(dead);

	for (;;) {
		spin_lock(&tasklist_lock);
		if (forget_original_parent(p, &dead) && list_empty(&dead))
			return;
		spin_unlock(&tasklist_lock);
		forget_dead(&dead);
	}
}

/* Tell the relatives. On return `p` may be reaped at any moment; preemption is off. */
static void exit_notify(struct task *p, bool group_dead)
{
	bool autoreap = true;

	disown_children(p);
	if (group_dead) /* the process is gone, not only its first thread */
		kill_orphaned_pgrp(p->group_leader, NULL);
	if (thread_group_leader(p)) {
		/* With threads left, the last of them reports for the leader. */
		autoreap = p->signal->nr_threads == 1 && do_notify_parent(p, p->exit_signal);
		if (!autoreap && p->signal->nr_threads == 1)
			become_zombie(p);
	}
	guarded(p, exit_state) = autoreap ? TASK_DEAD : TASK_ZOMBIE;
	if (p->signal->exec_task)
		wake_up_process(p->signal->exec_task);
	spin_unlock(&tasklist_lock);

	/* It is still in its group and in the list of its parent, and only this CPU may release
	 * it: a parent or a leader that ends meanwhile leaves it another one. */
	if (autoreap) {
		task_charge(p);
		release_task(p);
	}
}

/* `code` as wait4(2) will show it; a group that is being killed has its own. `group`: all of it is
 * to end with us. True for the last thread of the group. */
static bool exit_signals(struct task *p, int code, bool group)
{
	struct signal *sig = p->signal;
	u64 flags = spin_lock_irqsave(&p->sighand->lock);
	bool last, stopped;

	if (group && !sig->group_exit) /* else somebody was first */
		begin_group_exit(p, code);
	p->flags |= PF_EXITING;
	p->exit_code = sig->group_exit ? sig->group_exit_code : code;
	last = --sig->live == 0;
	if (last) /* the process ends as the last of its threads does */
		p->group_leader->exit_code = p->exit_code;
	/* What was sent to the process and would have been ours is for another thread now, and a
	 * group stop does not wait for a thread that will never stop. */
	retarget_shared_pending(p, ~p->blocked);
	stopped = guarded(p, stop_pending) && leave_group_stop(p);
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
	group_dead = exit_signals(p, code, group);
	trace_sched_process_exit(p, p->exit_code);

	if (group_dead) {
		itimer_stop(&p->signal->real_timer);
		posix_timers_exit(p);
	}
	exit_resources(p, group_dead);
	if (group_dead && p->signal->session_leader)
		tty_disassociate(p, true);

	/* A task that learns of this end finds it switched away for good: nothing else runs here in
	 * between. */
	preempt_disable();
	release_attachment(p); /* late: its holder looks at what is left of it */
	exit_notify(p, group_dead);
	if (p->flags & PF_KTHREAD)
		kthread_exited();
	local_irq_disable();
	preempt_enable_no_resched();
	do { /* again, if a late wake-up has undone it */
		WRITE_ONCE(p->state, TASK_DEAD);
		schedule();
		local_irq_disable(); /* dead and preempted, we would be freed in the run queue */
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
