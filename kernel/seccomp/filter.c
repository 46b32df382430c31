/*
 * Chains of filters: what a task has, what its children inherit, what its threads share.
 *
 * A filter points to the next older one, and its chain never changes. So tasks share chains as they
 * share ancestors: a new filter is put before the chain of its task alone, or, by
 * SECCOMP_FILTER_FLAG_TSYNC, of all threads of its process.
 *
 * task->seccomp is changed under sighand->lock, by the task itself or by another of its threads.
 * The task reads it without the lock: what it has read stays, since only filters before it can
 * come.
 */
#include "kernel/seccomp/filter.h"

#include "kernel/lib/string.h"
#include "kernel/ptrace/ptrace.h"
#include "kernel/seccomp/notify.h"
#include "mm/page.h"
#include "mm/slab.h"

struct seccomp_filter seccomp_strict = {.count = REFCOUNT_INIT(1)};

int seccomp_mode(const struct task *p)
{
	const struct seccomp_filter *f = READ_ONCE(p->seccomp);

	if (!f)
		return SECCOMP_MODE_DISABLED;
	return f == &seccomp_strict ? SECCOMP_MODE_STRICT : SECCOMP_MODE_FILTER;
}

static u32 depth_of(const struct seccomp_filter *f)
{
	return f ? f->depth : 0;
}

u32 seccomp_filters(const struct task *p)
{
	return depth_of(READ_ONCE(p->seccomp));
}

/* ---- ancestors ---- */

/*
 * Where the `jump` of a filter before `prev` leads. The distances are those of a skew binary
 * number: twice as far if the two jumps before are of the same length. So older_filter() takes a
 * logarithmic number of steps: Myers, "An applicative random-access stack", 1983.
 */
static struct seccomp_filter *jump_target(struct seccomp_filter *prev)
{
	struct seccomp_filter *near = prev ? prev->jump : NULL, *far = near ? near->jump : NULL;

	return depth_of(prev) - depth_of(near) == depth_of(near) - depth_of(far) ? far : prev;
}

/* The filter of this depth in the chain that begins with `f`; NULL: depth 0, or deeper than `f`. */
static struct seccomp_filter *older_filter(struct seccomp_filter *f, u32 depth)
{
	while (depth_of(f) > depth)
		f = depth_of(f->jump) >= depth ? f->jump : f->prev;
	return depth_of(f) == depth ? f : NULL;
}

static bool is_in_chain(const struct seccomp_filter *f, struct seccomp_filter *chain)
{
	return !f || (f != &seccomp_strict && older_filter(chain, f->depth) == f);
}

/* ---- making and freeing ---- */

/* The filters of one user, root excepted, may take a sixteenth of memory. Units of 64 bytes. */
static bool charge(struct seccomp_filter *f, size_t size)
{
	struct user *user = current->cred->user;
	u64 limit = nr_total_pages() * (PAGE_SIZE / 64) / 16;

	f->charge = (u32)(size + 63) / 64;
	if ((u64)atomic_add_return(&user->filters, (int)f->charge) > limit &&
	    !cred_is_root(current->cred)) {
		atomic_add_return(&user->filters, -(int)f->charge);
		return false;
	}
	refcount_inc(&user->count);
	f->user = user;
	return true;
}

static struct seccomp_filter *filter_alloc(u32 len)
{
	size_t size = sizeof(struct seccomp_filter) + len * sizeof(struct sock_filter);
	struct seccomp_filter *f = kmalloc(size);

	if (!f)
		return NULL;
	memset(f, 0, sizeof(*f));
	if (!charge(f, size)) {
		kfree(f);
		return NULL;
	}
	refcount_set(&f->count, 1);
	f->len = len;
	return f;
}

void seccomp_filter_put(struct seccomp_filter *f)
{
	while (f && refcount_dec_and_test(&f->count)) {
		struct seccomp_filter *prev = f->prev;

		if (f->listener)
			listener_lose_filter(f->listener);
		atomic_add_return(&f->user->filters, -(int)f->charge);
		put_user_struct(f->user);
		kfree(f);
		f = prev;
	}
}

static int load_program(struct seccomp_filter *f, const struct sock_filter __user *uprog)
{
	u16 *stored scoped(kfree) = kmalloc(f->len * sizeof(*stored));

	if (!uprog)
		return -EINVAL;
	if (!stored)
		return -ENOMEM;
	if (copy_from_user(f->prog, uprog, f->len * sizeof(*f->prog)))
		return -EFAULT;
	return bpf_check(f->prog, f->len, stored);
}

struct seccomp_filter *seccomp_filter_create(const void __user *ufprog, u32 flags)
{
	struct seccomp_filter *f;
	struct sock_fprog fprog;
	int err;

	if (copy_from_user(&fprog, ufprog, sizeof(fprog)))
		return ERR_PTR(-EFAULT);
	if (fprog.len == 0 || fprog.len > BPF_MAXINSNS)
		return ERR_PTR(-EINVAL);
	if (!current->no_new_privs && !cred_is_root(current->cred))
		return ERR_PTR(-EACCES);
	f = filter_alloc(fprog.len);
	if (!f)
		return ERR_PTR(-ENOMEM);
	err = load_program(f, fprog.filter);
	if (err) {
		seccomp_filter_put(f);
		return ERR_PTR(err);
	}
	f->log = flags & SECCOMP_FILTER_FLAG_LOG;
	f->killable = flags & SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
	return f;
}

void seccomp_filter_listen(struct seccomp_filter *f, struct listener *l)
{
	refcount_inc(&l->count);
	f->listener = l;
}

/* ---- attaching ---- */

/* Caller holds sighand->lock. */
static void give(struct task *p, struct seccomp_filter *f)
{
	WRITE_ONCE(p->seccomp, f);
	syscall_watch(p, SYSCALL_SECCOMP, 0);
}

static bool has_living_listener(const struct seccomp_filter *f)
{
	for (; f; f = f->prev)
		if (f->listener && !READ_ONCE(f->listener->closed))
			return true;
	return false;
}

/* Make `f` ready to be put before `prev`. May take long, so without the lock. */
static int prepare(struct seccomp_filter *f, struct seccomp_filter *prev)
{
	if (prev == &seccomp_strict)
		return -EINVAL;
	if (f->listener && has_living_listener(prev))
		return -EBUSY;
	f->cost = (prev ? prev->cost : 0) + f->len + FILTER_COST;
	/* as on Linux, the new one's own FILTER_COST does not count yet */
	if (f->cost - FILTER_COST > CHAIN_COST_MAX)
		return -ENOMEM;
	f->depth = depth_of(prev) + 1;
	f->jump = jump_target(prev);
	return 0;
}

/* Does TSYNC concern it, a thread of current's process? */
static bool is_synced(const struct task *t)
{
	return t != current && !(t->flags & PF_EXITING);
}

/* Why the filters of all threads cannot become those of current: a thread with other filters, or
 * one in an exec that may give rights (*wait_for, a reference). */
static long check_threads(u32 flags, struct task **wait_for)
{
	struct task *t;

	list_for_each_entry (t, &current->signal->threads, thread_node) {
		if (!is_synced(t))
			continue;
		if (t->exec_gains) {
			get_task(t);
			*wait_for = t;
			return -ERESTARTNOINTR;
		}
		if (!is_in_chain(t->seccomp, current->seccomp))
			return flags & SECCOMP_FILTER_FLAG_TSYNC_ESRCH ? -ESRCH : t->pid_nr;
	}
	return 0;
}

/* Put `f`, which current has, before the filters of a thread, which are in its chain. no_new_privs
 * goes along: a thread that sets it, sets a filter and ends must not leave the filter alone. */
static void sync_thread(struct task *t, struct seccomp_filter *f)
{
	struct seccomp_filter *old = t->seccomp;
	bool last;

	refcount_inc(&f->count);
	give(t, f);
	if (current->no_new_privs)
		t->no_new_privs = true;
	last = old && refcount_dec_and_test(&old->count);
	BUG_ON(last);
}

static void sync_threads(struct seccomp_filter *f)
{
	struct task *t;

	list_for_each_entry (t, &current->signal->threads, thread_node)
		if (is_synced(t))
			sync_thread(t, f);
}

/* -EAGAIN: another thread has given current filters meanwhile. */
static long try_attach(struct seccomp_filter *f, struct seccomp_filter *prev, u32 flags,
		       struct task **wait_for)
{
	long err = 0;
	guard_irq(&current->sighand->lock);

	if (current->seccomp != prev)
		return -EAGAIN;
	if (flags & SECCOMP_FILTER_FLAG_TSYNC)
		err = check_threads(flags, wait_for);
	if (err)
		return err;
	f->prev = prev; /* takes over the reference of current */
	give(current, f);
	if (flags & SECCOMP_FILTER_FLAG_TSYNC)
		sync_threads(f);
	return 0;
}

long seccomp_attach(struct seccomp_filter *f, u32 flags)
{
	long err;

	do {
		struct seccomp_filter *prev = READ_ONCE(current->seccomp);
		struct task *execs scoped(put_task) = NULL;

		err = prepare(f, prev) ?: try_attach(f, prev, flags, &execs);
		if (execs)
			err = ptrace_exec_wait(execs) ?: -EAGAIN;
	} while (err == -EAGAIN);
	if (err)
		seccomp_filter_put(f);
	return err;
}

long seccomp_set_strict(void)
{
	guard_irq(&current->sighand->lock);
	if (current->seccomp == &seccomp_strict)
		return 0;
	if (current->seccomp)
		return -EINVAL;
	refcount_inc(&seccomp_strict.count);
	give(current, &seccomp_strict);
	return 0;
}

/* ---- fork and exit ---- */

noinline void seccomp_inherit(struct task *child, bool thread)
{
	struct sighand *sh = current->sighand;
	u64 flags = thread ? 0 : spin_lock_irqsave(&sh->lock);

	refcount_inc(&current->seccomp->count);
	give(child, current->seccomp);
	child->no_new_privs =
		current->no_new_privs; /* TSYNC may have set both since it was copied */
	if (!thread)
		spin_unlock_irqrestore(&sh->lock, flags);
}

void seccomp_exit(struct task *p)
{
	struct seccomp_filter *f = p->seccomp;
	u64 flags = spin_lock_irqsave(&p->sighand->lock);

	WRITE_ONCE(p->seccomp, NULL);
	spin_unlock_irqrestore(&p->sighand->lock, flags);
	syscall_watch(p, 0, SYSCALL_SECCOMP);
	seccomp_filter_put(f);
}

/* ---- for tracers ---- */

/* The filter of p with this index, with a reference; the oldest is 0. ERR_PTR. */
static struct seccomp_filter *get_filter(struct task *p, u64 index)
{
	struct seccomp_filter *f;
	guard_irq(&p->sighand->lock);

	if (!cred_is_root(current->cred) || current->seccomp)
		return ERR_PTR(-EACCES);
	if (seccomp_mode(p) != SECCOMP_MODE_FILTER)
		return ERR_PTR(-EINVAL);
	if (index >= seccomp_filters(p))
		return ERR_PTR(-ENOENT);
	f = older_filter(p->seccomp, (u32)index + 1);
	refcount_inc(&f->count);
	return f;
}

long seccomp_copy_program(struct task *p, u64 index, struct sock_filter __user *to)
{
	struct seccomp_filter *f scoped(seccomp_filter_put) = get_filter(p, index);

	if (IS_ERR(f))
		return PTR_ERR(f);
	if (to && copy_to_user(to, f->prog, f->len * sizeof(*f->prog)))
		return -EFAULT;
	return f->len;
}

long seccomp_copy_metadata(struct task *p, u64 size, struct seccomp_metadata __user *to)
{
	struct seccomp_metadata data = {0};
	struct seccomp_filter *f scoped(seccomp_filter_put) = NULL;

	if (!cred_is_root(current->cred) || current->seccomp)
		return -EACCES;
	size = MIN(size, sizeof(data));
	if (size < sizeof(data.filter_off))
		return -EINVAL;
	if (copy_from_user(&data.filter_off, &to->filter_off, sizeof(data.filter_off)))
		return -EFAULT;
	f = get_filter(p, data.filter_off);
	if (IS_ERR(f))
		return PTR_ERR(f);
	data.flags = f->log ? SECCOMP_FILTER_FLAG_LOG : 0;
	return copy_to_user(to, &data, size) ? -EFAULT : (long)size;
}
