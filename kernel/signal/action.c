/*
 * What a process wants done with each signal: sigaction(2).
 *
 * The table of actions is shared copy-on-write: fork only takes a reference, and a process copies a
 * shared table before it changes an action. The kernel also sets handlers back to SIG_DFL or
 * SIG_IGN itself (exec, SA_RESETHAND, a fault that cannot wait). That must not fail for lack of
 * memory, so such signals are marked beside the table.
 *
 * A table is changed under the sighand->lock of its only holder.
 */
#include "kernel/lib/log.h"
#include "kernel/lib/string.h"
#include "kernel/task.h"
#include "kernel/timers/posix_timer.h"
#include "mm/slab.h"

struct sigactions {
	refcount_t count;
	struct k_sigaction action[_NSIG];
};

static struct kmem_cache *sigactions_cache;

void sigaction_init(void)
{
	sigactions_cache = kmem_cache_create("sigactions", sizeof(struct sigactions), 0);
}

static void put_actions(struct sigactions *set)
{
	if (set && refcount_dec_and_test(&set->count))
		kmem_cache_free(sigactions_cache, set);
}

/* ---- looking ---- */

u64 signal_handler(const struct sighand *sh, int sig)
{
	if (sh->defaulted & sigmask(sig))
		return (u64)SIG_DFL;
	if (sh->ignored & sigmask(sig))
		return (u64)SIG_IGN;
	return sh->set->action[sig - 1].handler;
}

void signal_action(const struct sighand *sh, int sig, struct k_sigaction *ka)
{
	if (likely(sh->set))
		*ka = sh->set->action[sig - 1];
	else
		*ka = (struct k_sigaction){0};
	if (unlikely((sh->defaulted | sh->ignored) & sigmask(sig)))
		ka->handler = signal_handler(sh, sig);
}

/* ---- changing ---- */

void set_handler(struct sighand *sh, int sig, u64 handler)
{
	bool ignore = handler == (u64)SIG_IGN;

	BUG_ON(!ignore && handler != (u64)SIG_DFL);
	sh->ignored = ignore ? sh->ignored | sigmask(sig) : sh->ignored & ~sigmask(sig);
	sh->defaulted = ignore ? sh->defaulted & ~sigmask(sig) : sh->defaulted | sigmask(sig);
}

void flush_signal_handlers(struct task *p)
{
	struct sighand *sh = p->sighand;
	u64 flags = spin_lock_irqsave(&sh->lock);
	struct sigactions *old = sh->set;
	sigset_t64 by_table = ~(sh->defaulted | sh->ignored);

	for (; by_table; by_table &= by_table - 1) {
		int i = __builtin_ctzl(by_table);

		if (old->action[i].handler == (u64)SIG_IGN)
			sh->ignored |= 1UL << i;
	}
	sh->defaulted = ~sh->ignored;
	sh->set = NULL;
	spin_unlock_irqrestore(&sh->lock, flags);
	put_actions(old);
}

/* Copy the table into `fresh`, and use that from now on. Returns the old one, which the caller
 * drops. */
static struct sigactions *use_actions(struct sighand *sh, struct sigactions *fresh)
{
	struct sigactions *old = sh->set;

	if (old)
		memcpy(fresh->action, old->action, sizeof(fresh->action));
	else
		memset(fresh->action, 0, sizeof(fresh->action));
	refcount_set(&fresh->count, 1);
	sh->set = fresh;
	return old;
}

static void change_action(struct task *p, int sig, const struct k_sigaction *act)
{
	struct k_sigaction *ka = &p->sighand->set->action[sig - 1];

	*ka = *act;
	ka->mask &= ~SIG_KERNEL_ONLY;
	p->sighand->defaulted &= ~sigmask(sig);
	p->sighand->ignored &= ~sigmask(sig);
	/* What is ignored now is not pending either: POSIX 2.4.3. */
	if (ka->handler == (u64)SIG_IGN ||
	    (ka->handler == (u64)SIG_DFL && (sigmask(sig) & SIG_DEFAULT_IGNORE)))
		remove_from_group(p, sigmask(sig));
	else if (unlikely(p->signal->posix_timers))
		posix_timers_resume(p->signal, sig);
}

/* rt_sigaction(2) for kernel callers. -EINVAL, -ENOMEM. */
int do_sigaction(int sig, const struct k_sigaction *act, struct k_sigaction *old)
{
	struct sighand *sh = current->sighand;
	struct sigactions *fresh = NULL;
	u64 flags;

	if (!valid_signal(sig) || (act && (sigmask(sig) & SIG_KERNEL_ONLY)))
		return -EINVAL;
	flags = spin_lock_irqsave(&sh->lock);
	if (act && (!sh->set || refcount_read(&sh->set->count) > 1)) {
		spin_unlock_irqrestore(&sh->lock, flags);
		fresh = kmem_cache_alloc(sigactions_cache);
		if (!fresh)
			return -ENOMEM;
		flags = spin_lock_irqsave(&sh->lock);
	}
	if (old)
		signal_action(sh, sig, old);
	if (fresh)
		fresh = use_actions(sh, fresh);
	if (act)
		change_action(current, sig, act);
	spin_unlock_irqrestore(&sh->lock, flags);
	put_actions(fresh);
	return 0;
}

/* ---- fork and exec ---- */

/* Copy the handlers of `from` to those inside `home`, which they keep alive. */
static struct sighand *inherit_handlers(struct signal *home, struct sighand *from)
{
	struct sighand *sh = &home->handlers;

	refcount_inc(&home->count);
	refcount_set(&sh->count, 1);
	spin_lock_init(&sh->lock, LOCK_SIGHAND);
	guard_irq(&from->lock);
	sh->defaulted = from->defaulted;
	sh->ignored = from->ignored;
	sh->set = from->set;
	if (sh->set)
		refcount_inc(&sh->set->count);
	return sh;
}

void copy_sighand(u64 flags, struct task *p)
{
	if (flags & CLONE_SIGHAND) {
		p->sighand = current->sighand;
		refcount_inc(&p->sighand->count);
		return;
	}
	p->sighand = inherit_handlers(p->signal, current->sighand);
	if (flags & CLONE_CLEAR_SIGHAND)
		flush_signal_handlers(p);
}

/* Copy handlers into a struct signal of their own, since other processes may still use those inside
 * the process's struct signal. NULL without memory. */
struct sighand *clone_sighand(struct sighand *from)
{
	struct signal *home = alloc_signal();
	struct sighand *sh;

	if (!home)
		return NULL;
	sh = inherit_handlers(home, from);
	put_signal(home);
	return sh;
}

void replace_sighand(struct task *p, struct sighand *own)
{
	struct sighand *shared = p->sighand;
	u64 flags;

	/* Other tasks read p->sighand under one of these three locks. */
	spin_lock(&tasklist_lock);
	spin_lock(&p->lock);
	flags = spin_lock_irqsave(&shared->lock);
	guarded(p, sighand) = own;
	spin_unlock_irqrestore(&shared->lock, flags);
	spin_unlock(&p->lock);
	spin_unlock(&tasklist_lock);
	put_sighand(shared);
}

void put_sighand(struct sighand *sh)
{
	if (!refcount_dec_and_test(&sh->count))
		return;
	put_actions(sh->set);
	put_signal(container_of(sh, struct signal, handlers));
}
