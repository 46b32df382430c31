/*
 * Robust lists: the locks that a thread holds when it dies. get_robust_list(2).
 *
 * The C library keeps them in a list in user memory, and tells the kernel where the list begins. At
 * exit and at exec each of them gets FUTEX_OWNER_DIED, and a waiter is woken. Waiters for a PI lock
 * are served by exit_pi() (kernel/futex/futex_pi.c), which comes next.
 */
#include "kernel/futex/futex_internal.h"
#include "kernel/lib/syscall.h"
#include "kernel/sharing.h"
#include "kernel/task.h"

long sys_set_robust_list(struct robust_list_head __user *head, size_t len)
{
	if (len != sizeof(*head))
		return -EINVAL;
	current->robust_list = head;
	return 0;
}

static bool may_read_list(struct task *p)
{
	const struct cred *me = current->cred;
	struct cred *its = task_get_cred(p);
	bool may = cred_is_root(me) ||
		   (me->uid == its->uid && me->uid == its->euid && me->uid == its->suid);

	put_cred(its);
	return may;
}

long sys_get_robust_list(pid_t pid, struct robust_list_head __user *__user *uhead,
			 size_t __user *ulen)
{
	struct robust_list_head __user *head;
	struct task *p scoped(put_task) = find_get_task(pid ? pid : current->pid_nr);

	if (!p)
		return -ESRCH;
	head = READ_ONCE(p->robust_list);
	if (p != current && !may_read_list(p))
		return -EPERM;
	if (put_user(sizeof(*head), ulen) || put_user(head, uhead))
		return -EFAULT;
	return 0;
}

/* Mark the lock word at `addr`: its owner dies. `pending`: the owner was just taking or releasing
 * it. False: the word cannot be reached, and the list ends there. */
static bool robust_word_died(u64 addr, bool pi, bool pending)
{
	u32 *word = pin_word(addr, ACCESS_WRITE), old, died;
	bool wake;

	if (IS_ERR(word))
		return false;
	old = __atomic_load_n(word, __ATOMIC_SEQ_CST);
	/* Released, but no waiter was woken yet. */
	wake = pending && !pi && !old;
	while ((old & FUTEX_TID_MASK) == (u32)current->pid_nr) {
		died = (old & FUTEX_WAITERS) | FUTEX_OWNER_DIED;
		if (!__atomic_compare_exchange_n(word, &old, died, false, __ATOMIC_SEQ_CST,
						 __ATOMIC_SEQ_CST))
			continue;
		wake = !pi && (old & FUTEX_WAITERS);
		break;
	}
	unpin_word();
	if (wake)
		futex_wake(addr, false, 1, FUTEX_BITSET_MATCH_ANY);
	return true;
}

/* A pointer of the list: its lowest bit says that the word is a PI lock. False: unreadable. */
static bool fetch_entry(u64 *entry, bool *pi, u64 addr)
{
	if (get_user(*entry, (u64 __user *)addr))
		return false;
	*pi = *entry & 1;
	*entry &= ~1UL;
	return true;
}

/* The program's list may be a circle, or lead anywhere: ROBUST_LIST_LIMIT ends it. */
void exit_robust_list(struct task *p)
{
	u64 head = (u64)p->robust_list, entry, next, pending, offset;
	bool pi, next_pi, pending_pi, ok;

	p->robust_list = NULL;
	if (!head || !fetch_entry(&entry, &pi, head) ||
	    get_user(offset,
		     (u64 __user *)(head + offsetof(struct robust_list_head, futex_offset))) ||
	    !fetch_entry(&pending, &pending_pi,
			 head + offsetof(struct robust_list_head, list_op_pending)))
		return;
	for (int i = 0; entry != head && i < ROBUST_LIST_LIMIT; i++) {
		/* Read first: the word's new owner may free what the entry lies in. */
		ok = fetch_entry(&next, &next_pi, entry);
		if (entry != pending && !robust_word_died(entry + offset, pi, false))
			return;
		if (!ok)
			break;
		entry = next;
		pi = next_pi;
	}
	if (pending)
		robust_word_died(pending + offset, pending_pi, true);
}

void futex_exit(struct task *p, bool exec)
{
	if (p->robust_list) {
		begin_exit_pi(p);
		exit_robust_list(p);
	}
	exit_pi(p, exec);
}
