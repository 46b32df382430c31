/*
 * Job control: which session owns a terminal, which group is in front, and what happens to the
 * others. credentials(7), tcsetpgrp(3).
 *
 * A terminal's session and foreground group change under tasklist_lock and ctty_lock. So do the
 * pointers of all processes of a session that loses its terminal. Under either lock the pointers
 * can be followed, for they still have their references. Mere comparisons read them without a lock:
 * the answer may be a moment old in any case.
 */
#include "kernel/signal/orphaned_pgrp.h"
#include "kernel/tty/tty_internal.h"

static spinlock_t ctty_lock = SPINLOCK_INIT(LOCK_CTTY);

/* Caller holds tasklist_lock. */
static struct pid *current_pid(enum pid_type type)
{
	return current->group_leader->pids[type];
}

/* In every process of the session, replace terminal `from` by `to`. Caller holds both locks. */
static void session_set_tty(struct pid *session, struct tty *from, struct tty *to)
{
	struct task *p;

	list_for_each_entry (p, &session->tasks[PIDTYPE_SID], pid_links[PIDTYPE_SID])
		if (p->signal->tty == from)
			WRITE_ONCE(p->signal->tty, to);
}

/* Returns the old value, for put_pid() outside of the lock. */
static struct pid *replace_pid(struct pid **where, struct pid *with)
{
	struct pid *old = *where;

	WRITE_ONCE(*where, with ? get_pid(with) : NULL);
	return old;
}

/* References that a terminal gave up, dropped outside of the locks: declare before the guard. */
struct former {
	struct pid *session, *pgrp;
	struct tty *tty;
};

static void scoped_former(struct former *old)
{
	put_pid(old->session);
	put_pid(old->pgrp);
	tty_put(old->tty);
}

/* Give the terminal to this session; NULL: to none. Caller holds tasklist_lock. */
static void tty_change_owner(struct tty *t, struct pid *session, struct pid *pgrp,
			     struct former *old)
{
	guard_spin(&ctty_lock);
	if (t->session && t->session != session)
		session_set_tty(t->session, t, NULL);
	old->tty = t->session ? t : NULL;
	if (session)
		tty_get(t);
	old->session = replace_pid(&t->session, session);
	old->pgrp = replace_pid(&t->pgrp, pgrp);
}

static bool tty_is_controlling(struct tty *t)
{
	return READ_ONCE(current->signal->tty) == t;
}

static bool ignored_or_blocked(int sig)
{
	guard_irq(&current->sighand->lock);
	return (current->blocked & sigmask(sig)) ||
	       signal_handler(current->sighand, sig) == (u64)SIG_IGN;
}

/* While the kernel's shell reads the keyboard, no group is in front. */
static bool in_background(struct tty *t)
{
	const struct pid *front = READ_ONCE(t->pgrp);

	return tty_is_controlling(t) && (front || tty_is_shells(t)) &&
	       READ_ONCE(current->group_leader->pids[PIDTYPE_PGID]) != front;
}

int tty_check_job(struct tty *t, int sig)
{
	if (!in_background(t))
		return 0;
	if (ignored_or_blocked(sig))
		return sig == SIGTTIN ? -EIO : 0;
	if (is_current_pgrp_orphaned())
		return -EIO; /* no parent is left to continue it */
	guard_spin(&tasklist_lock);
	kill_pgrp_locked(current_pid(PIDTYPE_PGID), sig, NULL);
	return -ERESTARTSYS;
}

void tty_signal_foreground(struct tty *t, int sig)
{
	guard_spin(&tasklist_lock);
	if (t->pgrp)
		kill_pgrp_locked(t->pgrp, sig, NULL);
}

void tty_set_foreground(struct tty *t, struct pid *session, struct pid *pgrp)
{
	struct former old scoped(former) = {0};

	guard_spin(&tasklist_lock);
	tty_change_owner(t, session, pgrp, &old);
	guard_spin(&ctty_lock);
	if (session)
		session_set_tty(session, NULL, t);
}

/* As on Linux, SIGCONT follows SIGHUP unless the leader exits without a hang-up. */
void tty_disassociate(struct task *leader, bool exits)
{
	struct former old scoped(former) = {0};
	struct tty *t;

	guard_spin(&tasklist_lock);
	t = leader->signal->tty;
	if (t && t->session && t->session == leader->group_leader->pids[PIDTYPE_SID]) {
		if (t->pgrp)
			kill_pgrp_locked(t->pgrp, SIGHUP, NULL);
		if (t->pgrp && (!exits || t->hung_up))
			kill_pgrp_locked(t->pgrp, SIGCONT, NULL);
		tty_change_owner(t, NULL, NULL, &old);
	}
	leader->signal->tty = NULL;
}

/* The other end is gone: take the terminal from all processes of the session but its leader, which
 * gets a signal. The leader keeps it so that its exit can signal the foreground group. */
void tty_hangup_session(struct tty *t)
{
	struct former old scoped(former) = {0};
	struct task *leader;

	guard_spin(&tasklist_lock);
	leader = t->session ? pid_in_tree(t->session) : NULL;
	if (leader && leader->signal->tty == t) {
		spin_lock(&ctty_lock);
		session_set_tty(t->session, t, NULL);
		leader->signal->tty = t;
		spin_unlock(&ctty_lock);
		send_signal(SIGHUP, NULL, leader, true);
		send_signal(SIGCONT, NULL, leader, true);
	} else if (t->session) {
		tty_change_owner(t, NULL, NULL, &old);
	}
}

/* TIOCNOTTY: a session leader gives it up for the whole session, any other process for itself. */
long tty_give_up(struct tty *t)
{
	if (!tty_is_controlling(t))
		return -ENOTTY;
	if (current->signal->session_leader)
		tty_disassociate(current, false);
	else
		WRITE_ONCE(current->signal->tty, NULL);
	return 0;
}

/* Check that current leads a session without terminal; root may steal. tasklist_lock is held. */
static long may_take(const struct tty *t, const struct tty *mine, bool steal, bool readable)
{
	bool root = cred_is_root(current->cred);

	if (!current->signal->session_leader || (mine && !mine->hung_up) || (!readable && !root))
		return -EPERM;
	if (t->hung_up)
		return -EIO;
	return t->session && !(steal && root) ? -EPERM : 0;
}

/* TIOCSCTTY */
long tty_make_controlling(struct tty *t, bool steal, bool readable)
{
	struct former old scoped(former) = {0}, older scoped(former) = {0};
	struct tty *mine;
	long err;

	guard_spin(&tasklist_lock);
	mine = current->signal->tty;
	if (mine == t && t->session == current_pid(PIDTYPE_SID))
		return 0;
	err = may_take(t, mine, steal, readable);
	if (err)
		return err;
	if (mine)
		tty_change_owner(mine, NULL, NULL, &older);
	tty_change_owner(t, current_pid(PIDTYPE_SID), current_pid(PIDTYPE_PGID), &old);
	current->signal->tty = t;
	return 0;
}

/* Write the number of *which (a pid of the tty), or 0 for none. -ENOTTY: not current's terminal. */
static long get_number(struct tty *t, struct pid **which, pid_t __user *out, bool any)
{
	bool ours = any || tty_is_controlling(t);
	pid_t nr = 0;

	spin_lock(&ctty_lock);
	if (*which)
		nr = (*which)->nr;
	spin_unlock(&ctty_lock);
	return ours ? put_user(nr, out) : -ENOTTY;
}

long tty_get_pgrp(struct tty *t, pid_t __user *out, bool any)
{
	return get_number(t, &t->pgrp, out, any);
}

long tty_get_sid(struct tty *t, pid_t __user *out, bool any)
{
	return READ_ONCE(t->session) ? get_number(t, &t->session, out, any) : -ENOTTY;
}

/* The session of the group with this number, else of the process; NULL. tasklist_lock is held. */
static struct pid *session_of(struct pid *pid)
{
	struct task *p = first_in_group(pid, PIDTYPE_PGID);

	if (!p)
		p = pid_in_tree(pid);
	return p ? p->group_leader->pids[PIDTYPE_SID] : NULL;
}

/* Caller holds tasklist_lock. */
static long may_be_foreground(struct tty *t, struct pid *pgrp)
{
	if (current->signal->tty != t || t->session != current_pid(PIDTYPE_SID))
		return -ENOTTY;
	if (!pgrp)
		return -ESRCH;
	return session_of(pgrp) == t->session ? 0 : -EPERM;
}

long tty_set_pgrp(struct tty *t, const pid_t __user *in)
{
	struct pid *pgrp scoped(put_pid) = NULL, *old scoped(put_pid) = NULL;
	pid_t nr;
	long err;

	err = tty_check_job(t, SIGTTOU);
	if (err)
		return err == -EIO ? -ENOTTY : err;
	if (get_user(nr, in))
		return -EFAULT;
	if (nr < 0)
		return -EINVAL;
	pgrp = find_get_pid(nr);
	guard_spin(&tasklist_lock);
	err = may_be_foreground(t, pgrp);
	guard_spin(&ctty_lock);
	if (!err)
		old = replace_pid(&t->pgrp, pgrp);
	return err;
}

struct tty *tty_get_current(void)
{
	struct tty *t;

	guard_spin(&ctty_lock);
	t = current->signal->tty;
	return t && !t->hung_up ? tty_get(t) : NULL;
}

void tty_numbers(const struct signal *sig, u32 *dev, pid_t *pgrp)
{
	const struct tty *t;

	guard_spin(&ctty_lock);
	t = READ_ONCE(sig->tty);
	if (t && t->hung_up)
		t = NULL;
	*dev = t ? t->dev : 0;
	*pgrp = t && t->pgrp ? t->pgrp->nr : -1;
}
