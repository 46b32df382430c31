/*
 * Waiting for many files at once: poll(2), ppoll(2), select(2), pselect6(2).
 *
 * The caller joins the wait queue of every file first. In each round, its state is set to asleep
 * *before* the files are asked, so an event that comes after the question wakes it: none is lost.
 */
#include "kernel/fs/poll/poll.h"

#include "kernel/time/timespec.h"
#include "mm/slab.h"

#define FEW_POLLS 6

/* One file to wait for. */
struct poll_item {
	struct file *file; /* with a reference; NULL: bad or ignored descriptor */
	int fd;
	u32 wanted, got;
};

struct poll_entry {
	struct wait_queue *q;
	struct waiter w;
};

/* The queues the caller waits in; poll_wait() adds to them in the first round only. */
struct poll_queues {
	struct poll_table pt;
	int error; /* -ENOMEM */
	u32 nr, room;
	struct poll_entry *more; /* beyond few[] */
	struct poll_entry few[FEW_POLLS];
	struct wait_queue idle; /* never woken: for sleeping when no file has a queue */
	struct waiter idle_waiter;
};

static struct poll_entry *entry_of(struct poll_queues *pq, u32 i)
{
	return i < FEW_POLLS ? &pq->few[i] : &pq->more[i - FEW_POLLS];
}

static void join_queue(struct poll_table *pt, struct wait_queue *q, u32 events __maybe_unused)
{
	struct poll_queues *pq = container_of(pt, struct poll_queues, pt);
	struct poll_entry *e;

	if (pq->nr >= FEW_POLLS + pq->room) {
		pq->error = -ENOMEM;
		return;
	}
	e = entry_of(pq, pq->nr++);
	e->q = q;
	waiter_init(&e->w);
	prepare_to_wait(q, &e->w, TASK_INTERRUPTIBLE);
}

static void poll_queues_init(struct poll_queues *pq)
{
	memset(pq, 0, sizeof(*pq));
	wait_queue_init(&pq->idle);
	waiter_init(&pq->idle_waiter);
	pq->pt.join = join_queue;
}

/* Every file may use two queues. Allocated before the first is joined: entries must not move. */
static int poll_queues_reserve(struct poll_queues *pq, u32 files)
{
	if (files * 2 <= FEW_POLLS)
		return 0;
	pq->room = files * 2 - FEW_POLLS;
	pq->more = kmalloc(pq->room * sizeof(*pq->more));
	return pq->more ? 0 : -ENOMEM;
}

static void poll_queues_leave(struct poll_queues *pq)
{
	for (u32 i = 0; i < pq->nr; i++)
		finish_wait(entry_of(pq, i)->q, &entry_of(pq, i)->w);
	finish_wait(&pq->idle, &pq->idle_waiter);
	kfree(pq->more);
}

static void poll_queues_sleep_state(struct poll_queues *pq)
{
	for (u32 i = 0; i < pq->nr; i++)
		prepare_to_wait(entry_of(pq, i)->q, &entry_of(pq, i)->w, TASK_INTERRUPTIBLE);
	prepare_to_wait(&pq->idle, &pq->idle_waiter, TASK_INTERRUPTIBLE);
}

/* ---- the loop of both families ---- */

static u32 file_poll(struct file *f, struct poll_table *pt)
{
	if (f->ops && f->ops->poll)
		return f->ops->poll(f, pt);
	return POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM; /* always ready */
}

static long ask_all(struct poll_item *items, u32 n, struct poll_table *pt)
{
	long ready = 0;

	for (u32 i = 0; i < n; i++) {
		struct poll_item *it = &items[i];

		if (it->fd < 0)
			continue;
		if (it->file)
			it->got = file_poll(it->file, pt) & (it->wanted | POLLERR | POLLHUP);
		else
			it->got = POLLNVAL;
		ready += it->got != 0;
	}
	return ready;
}

/* Wait until `until` (0: do not wait). The number of items with events, -ENOMEM, or -EINTR. */
static long poll_items(struct poll_item *items, u32 n, u64 until)
{
	struct poll_queues pq;
	long ready;

	if (until == 0)
		return ask_all(items, n, NULL);
	poll_queues_init(&pq);
	ready = poll_queues_reserve(&pq, n);
	if (ready)
		return ready;
	ready = ask_all(items, n, &pq.pt);
	while (!ready) {
		poll_queues_sleep_state(&pq);
		ready = ask_all(items, n, NULL);
		if (!ready && !pq.error && signal_pending(current))
			ready = -EINTR;
		if (ready || pq.error || (until != TIME_FOREVER && ktime_get() >= until))
			break;
		schedule_until(until);
	}
	poll_queues_leave(&pq);
	return ready ? ready : pq.error;
}

static void poll_items_free(struct poll_item *items, u32 n)
{
	for (u32 i = 0; i < n; i++)
		file_put(items[i].file);
	kfree(items);
}

u64 poll_until(int timeout_ms)
{
	if (timeout_ms < 0)
		return TIME_FOREVER;
	return timeout_ms ? ktime_get() + (u64)timeout_ms * NSEC_PER_MSEC : 0;
}

/* ---- signal mask of ppoll, pselect6, epoll_pwait ---- */

int poll_swap_mask(const sigset_t64 __user *umask, size_t size)
{
	sigset_t64 mask;

	if (!umask)
		return 0;
	if (size != sizeof(mask))
		return -EINVAL;
	if (copy_from_user(&mask, umask, sizeof(mask)))
		return -EFAULT;
	current->saved_sigmask = current->blocked;
	set_current_blocked(mask & ~SIG_KERNEL_ONLY);
	return 0;
}

/* After an interrupted call the mask stays until the signal's handler was set up. */
void poll_restore_mask(const sigset_t64 __user *umask, long ret)
{
	if (!umask)
		return;
	if (ret == -ERESTARTNOHAND || ret == -EINTR)
		task_set_work(current, WORK_RESTORE_SIGMASK);
	else
		set_current_blocked(current->saved_sigmask);
}

static int poll_import(const struct pollfd __user *ufds, u32 n, struct poll_item **out)
{
	struct poll_item *items = kzalloc(MAX(n, 1u) * sizeof(*items));

	if (!items)
		return -ENOMEM;
	for (u32 i = 0; i < n; i++) {
		struct pollfd p;

		if (copy_from_user(&p, &ufds[i], sizeof(p))) {
			poll_items_free(items, n);
			return -EFAULT;
		}
		items[i] = (struct poll_item){.fd = p.fd,
					      .wanted = (u16)p.events,
					      .file = p.fd >= 0 ? file_get_io(p.fd) : NULL};
	}
	*out = items;
	return 0;
}

static int poll_export(struct pollfd __user *ufds, const struct poll_item *items, u32 n)
{
	for (u32 i = 0; i < n; i++)
		if (put_user((short)items[i].got, &ufds[i].revents))
			return -EFAULT;
	return 0;
}

/* Returns -EINTR when a signal came. */
static long do_poll(struct pollfd __user *ufds, unsigned int n, u64 until)
{
	struct poll_item *items;
	long ret;

	if (n > fd_limit())
		return -EINVAL;
	ret = poll_import(ufds, n, &items);
	if (ret)
		return ret;
	ret = poll_items(items, n, until);
	if (ret >= 0 && poll_export(ufds, items, n))
		ret = -EFAULT;
	poll_items_free(items, n);
	return ret;
}

/* restart_syscall(2): go on until the original time. */
static long restart_poll(struct task *p)
{
	long ret = do_poll((struct pollfd __user *)p->restart_arg[0], (u32)p->restart_arg[1],
			   p->restart_arg[2]);

	return ret == -EINTR ? -ERESTART_RESTARTBLOCK : ret;
}

long sys_poll(struct pollfd __user *fds, unsigned int nfds, int timeout_ms)
{
	u64 until = poll_until(timeout_ms);
	long ret = do_poll(fds, nfds, until);

	if (ret != -EINTR)
		return ret;
	current->restart_fn = restart_poll;
	current->restart_arg[0] = (u64)fds;
	current->restart_arg[1] = nfds;
	current->restart_arg[2] = until;
	return -ERESTART_RESTARTBLOCK;
}

int poll_import_timeout(const struct timespec __user *uts, u64 *until)
{
	u64 ns;
	int err;

	*until = TIME_FOREVER;
	if (!uts)
		return 0;
	err = get_timespec(&ns, uts);
	if (!err)
		*until = ns ? time_add(ktime_get(), ns) : 0;
	return err;
}

/* The end of ppoll and pselect6. As on Linux, failing to write the time left is no error. */
static long end_wait(long ret, const sigset_t64 __user *mask, struct timespec __user *timeout,
		     u64 until)
{
	u64 now = ktime_get();

	if (ret == -EINTR)
		ret = -ERESTARTNOHAND;
	poll_restore_mask(mask, ret);
	if (timeout && until != TIME_FOREVER && until)
		put_timespec(timeout, until > now ? until - now : 0);
	return ret;
}

long sys_ppoll(struct pollfd __user *fds, unsigned int nfds, const struct timespec __user *timeout,
	       const sigset_t64 __user *mask, size_t sigsetsize)
{
	u64 until;
	int err = poll_import_timeout(timeout, &until);

	if (!err)
		err = poll_swap_mask(mask, sigsetsize);
	if (err)
		return err;
	return end_wait(do_poll(fds, nfds, until), mask, (struct timespec __user *)timeout, until);
}

#define SELECT_READ   (POLLRDNORM | POLLIN | POLLHUP | POLLERR)
#define SELECT_WRITE  (POLLWRNORM | POLLOUT | POLLERR)
#define SELECT_EXCEPT POLLPRI

/* The three bitmaps of a select, in user memory. */
struct select_sets {
	u64 __user *in, *out, *except;
};

static int get_bit(const u64 __user *set, u32 fd, bool *bit)
{
	u64 word;

	*bit = false;
	if (!set)
		return 0;
	if (get_user(word, &set[fd / 64]))
		return -EFAULT;
	*bit = word >> (fd % 64) & 1;
	return 0;
}

/* Collect the wanted events per descriptor; fd -1: none. */
static int select_import(const struct select_sets *s, u32 n, struct poll_item *items)
{
	for (u32 fd = 0; fd < n; fd++) {
		bool in, out, except;

		if (get_bit(s->in, fd, &in) || get_bit(s->out, fd, &out) ||
		    get_bit(s->except, fd, &except))
			return -EFAULT;
		items[fd].fd = in || out || except ? (int)fd : -1;
		if (items[fd].fd < 0)
			continue;
		items[fd].wanted = (in ? SELECT_READ : 0) | (out ? SELECT_WRITE : 0) |
				   (except ? SELECT_EXCEPT : 0);
		items[fd].file = file_get_io((int)fd);
		if (!items[fd].file)
			return -EBADF;
	}
	return 0;
}

/* Write back one set: of the bits asked for, those whose event came. Their number, or -EFAULT. */
static long export_set(u64 __user *set, u32 n, const struct poll_item *items, u32 events, u32 mark)
{
	long bits = 0;

	for (u32 base = 0; set && base < n; base += 64) {
		u64 word = 0, asked;

		if (get_user(asked, &set[base / 64]))
			return -EFAULT;
		for (u32 i = base; i < n && i < base + 64; i++)
			if ((asked >> (i - base) & 1) && (items[i].wanted & mark) &&
			    (items[i].got & events))
				word |= 1UL << (i - base);
		if (put_user(word, &set[base / 64]))
			return -EFAULT;
		bits += __builtin_popcountl(word);
	}
	return bits;
}

static long select_export(const struct select_sets *s, u32 n, const struct poll_item *items)
{
	long in = export_set(s->in, n, items, SELECT_READ, POLLIN);
	long out = export_set(s->out, n, items, SELECT_WRITE, POLLOUT);
	long except = export_set(s->except, n, items, SELECT_EXCEPT, POLLPRI);

	return in < 0 || out < 0 || except < 0 ? -EFAULT : in + out + except;
}

static long do_select(int n, const struct select_sets *s, u64 until)
{
	struct poll_item *items;
	long ret;

	if (n < 0)
		return -EINVAL;
	n = (int)MIN((u64)n, fd_limit());
	items = kzalloc((size_t)MAX(n, 1) * sizeof(*items));
	if (!items)
		return -ENOMEM;
	ret = select_import(s, (u32)n, items);
	if (!ret)
		ret = poll_items(items, (u32)n, until);
	if (ret >= 0)
		ret = select_export(s, (u32)n, items);
	poll_items_free(items, (u32)n);
	return ret;
}

long sys_select(int n, u64 __user *in, u64 __user *out, u64 __user *except,
		struct timeval __user *utv)
{
	struct select_sets s = {in, out, except};
	u64 until = TIME_FOREVER, now, ns;
	struct timeval tv;
	long ret;

	if (utv) {
		if (copy_from_user(&tv, utv, sizeof(tv)))
			return -EFAULT;
		if (tv.tv_sec < 0 || tv.tv_usec < 0)
			return -EINVAL;
		if (__builtin_mul_overflow((u64)tv.tv_sec, NSEC_PER_SEC, &ns))
			ns = TIME_FOREVER;
		ns = time_add(ns, MIN((u64)tv.tv_usec, 1UL << 50) * NSEC_PER_USEC);
		until = ns ? time_add(ktime_get(), ns) : 0;
	}
	ret = do_select(n, &s, until);
	if (utv && until != TIME_FOREVER && until) {
		now = ktime_get();
		ns = until > now ? until - now : 0;
		tv.tv_sec = (long)(ns / NSEC_PER_SEC);
		tv.tv_usec = (long)(ns % NSEC_PER_SEC / NSEC_PER_USEC);
		if (copy_to_user(utv, &tv, sizeof(tv)) && ret != -EINTR)
			return ret; /* as on Linux: failing to write the time left is no error */
	}
	return ret == -EINTR ? -ERESTARTNOHAND : ret;
}

/* The sixth argument points to a mask and its size. */
struct sigset_arg {
	const sigset_t64 __user *mask;
	size_t size;
};

long sys_pselect6(int n, u64 __user *in, u64 __user *out, u64 __user *except,
		  struct timespec __user *timeout, const void __user *usig)
{
	struct select_sets s = {in, out, except};
	struct sigset_arg sig = {NULL, 0};
	u64 until;
	int err = poll_import_timeout(timeout, &until);

	if (!err && usig && copy_from_user(&sig, usig, sizeof(sig)))
		err = -EFAULT;
	if (!err)
		err = poll_swap_mask(sig.mask, sig.size);
	if (err)
		return err;
	return end_wait(do_select(n, &s, until), sig.mask, timeout, until);
}
