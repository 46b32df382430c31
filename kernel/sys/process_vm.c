/* Copies between the memory of two processes: process_vm_readv(2), process_vm_writev(2). */
#include "kernel/fs/uio.h"
#include "kernel/fs/vfs.h"
#include "kernel/lib/syscall.h"
#include "kernel/ptrace/ptrace.h"
#include "kernel/sharing.h"
#include "mm/mm.h"
#include "mm/slab.h"

/* Copy a part of one remote segment that lies in one page. The bytes copied; n: all. */
static size_t copy_part(struct mm *mm, u64 at, struct uio *local, char *page, size_t n, bool write)
{
	if (!write)
		return uio_store(local, page, mm_access(mm, at, page, n, false));
	return mm_access(mm, at, page, uio_fetch(local, page, n), true);
}

/* Until the local segments are full or the first bad address. Returns the bytes copied. */
static size_t copy_segment(struct mm *mm, const struct iovec *remote, struct uio *local, char *page,
			   bool write)
{
	u64 at = (u64)remote->iov_base, left = MIN(remote->iov_len, local->left);
	size_t done = 0;

	while (done < left && !signal_pending(current)) {
		size_t n = MIN(left - done, PAGE_SIZE - (at + done) % PAGE_SIZE);
		size_t copied = copy_part(mm, at + done, local, page, n, write);

		done += copied;
		if (copied < n)
			break;
	}
	return done;
}

static ssize_t copy_segments(struct mm *mm, const struct iovec *remote, unsigned long n,
			     struct uio *local, bool write)
{
	char *page scoped(kfree) = kmalloc(PAGE_SIZE);
	ssize_t done = 0;

	if (!page)
		return -ENOMEM;
	for (unsigned long i = 0; i < n && local->left; i++) {
		size_t want = MIN(remote[i].iov_len, local->left);
		size_t copied = copy_segment(mm, &remote[i], local, page, write);

		done += (ssize_t)copied;
		if (copied < want)
			return done ?: signal_pending(current) ? -EINTR : -EFAULT;
	}
	return done;
}

/* The memory of a process whose private data current may see; with a reference. */
static struct mm *get_other_mm(pid_t pid)
{
	struct task *p scoped(put_task) = find_get_task(pid);
	struct mm *mm;

	if (!p)
		return ERR_PTR(-ESRCH);
	/* The memory first: so the check is of the program that it belongs to. */
	mm = process_get_mm(p);
	if (mm && !ptrace_may_access(p, ACCESS_BY_UID | ACCESS_ATTACH)) {
		mm_put(mm);
		return ERR_PTR(-EPERM);
	}
	return mm ?: ERR_PTR(-ESRCH);
}

static long process_vm(pid_t pid, const struct iovec __user *ulocal, unsigned long nr_local,
		       const struct iovec __user *uremote, unsigned long nr_remote,
		       unsigned long flags, bool write)
{
	struct segments local scoped(segments) = {.more = NULL};
	struct segments remote scoped(segments) = {.more = NULL};
	struct uio io, remote_io;
	int err;

	if (flags || nr_local > UIO_MAXIOV)
		return -EINVAL;
	err = import_iovec(ulocal, (int)nr_local, &local, &io);
	if (err || !io.left)
		return err;
	if (nr_remote > UIO_MAXIOV)
		return -EINVAL;
	err = import_iovec(uremote, (int)nr_remote, &remote, &remote_io);
	if (err || !remote_io.left)
		return err;
	struct mm *mm scoped(mm_put) = get_other_mm(pid);
	return IS_ERR(mm) ? PTR_ERR(mm) : copy_segments(mm, remote_io.next, nr_remote, &io, write);
}

long sys_process_vm_readv(pid_t pid, const struct iovec __user *local, unsigned long nr_local,
			  const struct iovec __user *remote, unsigned long nr_remote,
			  unsigned long flags)
{
	return process_vm(pid, local, nr_local, remote, nr_remote, flags, false);
}

long sys_process_vm_writev(pid_t pid, const struct iovec __user *local, unsigned long nr_local,
			   const struct iovec __user *remote, unsigned long nr_remote,
			   unsigned long flags)
{
	return process_vm(pid, local, nr_local, remote, nr_remote, flags, true);
}
