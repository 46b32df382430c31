/* /proc/PID/mem: the memory of a process, for its tracers. proc(5) */
#include "kernel/fs/proc/proc.h"
#include "kernel/fs/uio.h"
#include "kernel/ptrace/ptrace.h"
#include "kernel/sharing.h"
#include "mm/mm.h"
#include "mm/slab.h"

/* Which of its programs a process runs now: exec changes it, and the memory with it. Not 0. */
static void *program_of(const struct task *p)
{
	return (void *)(READ_ONCE(p->self_exec_id) + 1);
}

/* The file is one of the memory that the process has when it is opened. */
static int mem_open(struct inode *inode, struct file *f)
{
	struct task *p scoped(put_task) = proc_task(proc_node_of(inode));

	if (!p)
		return -ESRCH;
	f->private = program_of(p); /* before the check: an exec that follows is noticed */
	return ptrace_may_access(p, ACCESS_BY_FSUID | ACCESS_ATTACH) ? 0 : -EACCES;
}

/* The memory, with a reference; NULL: the process has ended, or runs another program. */
static struct mm *same_mm(struct file *f)
{
	struct task *p scoped(put_task) = proc_task(proc_node_of(f->inode));
	struct mm *mm = p ? process_get_mm(p) : NULL;

	if (!mm || program_of(p) == f->private)
		return mm;
	mm_put(mm);
	return NULL;
}

/* Copy the next bytes, at most a page, between `at` and the caller. */
static ssize_t copy_page_at(struct mm *mm, u64 at, struct uio *io, char *page, bool write)
{
	size_t n = MIN(io->left, PAGE_SIZE - at % PAGE_SIZE), done;

	if (write && uio_fetch(io, page, n) < n)
		return -EFAULT;
	done = mm_access_forced(mm, at, page, n, write);
	if (done < n)
		return -EIO;
	return write || uio_store(io, page, n) == n ? (ssize_t)n : -EFAULT;
}

static ssize_t transfer(struct file *f, struct uio *io, u64 *pos, bool write)
{
	struct mm *mm scoped(mm_put) = same_mm(f);
	char *page scoped(kfree) = mm ? kmalloc(PAGE_SIZE) : NULL;
	u64 *at = pos ? pos : &f->pos;
	ssize_t done = 0, n = 0;

	if (!mm)
		return 0;
	if (!page)
		return -ENOMEM;
	while (io->left && !signal_pending(current)) {
		n = copy_page_at(mm, *at, io, page, write);
		if (n < 0)
			break;
		*at += (u64)n;
		done += n;
	}
	return done ?: n;
}

static ssize_t mem_read(struct file *f, struct uio *io, u64 *pos)
{
	return transfer(f, io, pos, false);
}

static ssize_t mem_write(struct file *f, struct uio *io, u64 *pos)
{
	return transfer(f, io, pos, true);
}

/* Each address is a position. */
s64 proc_mem_lseek(struct file *f, s64 offset, int whence)
{
	guard_mutex(&f->inode->lock);

	if (whence != SEEK_SET && whence != SEEK_CUR)
		return -EINVAL;
	f->pos = (u64)offset + (whence == SEEK_CUR ? f->pos : 0);
	return (s64)f->pos;
}

const struct file_ops proc_mem_ops = {
	.open = mem_open,
	.read = mem_read,
	.write = mem_write,
	.lseek = proc_mem_lseek,
	.positioned = true,
};
