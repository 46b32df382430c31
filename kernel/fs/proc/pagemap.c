/* /proc/PID/pagemap: 64 bits for each page of the address space. proc(5) */
#include "kernel/fs/proc/proc.h"
#include "kernel/fs/uio.h"
#include "kernel/ptrace/ptrace.h"
#include "kernel/sharing.h"
#include "mm/slab.h"
#include "mm/tree.h"

#define PM_EXCLUSIVE (1UL << 56) /* no other mapping */
#define PM_FILE      (1UL << 61) /* of a file, or shared */
#define PM_PRESENT   (1UL << 63)
#define PM_PFN_MASK  ((1UL << 55) - 1)
#define CHUNK        (PAGE_SIZE / sizeof(u64)) /* pages that are looked at in one hold of the lock */

/* The memory is the one that the process has at open; pages' numbers are for root. */
struct pagemap {
	struct mm
		*mm; /* a reference that keeps the struct, not the memory; NULL: a kernel thread */
	bool numbers;
};

struct chunk {
	u64 start; /* address of the first page */
	u64 *word;
	bool numbers, sole[PT_LEVELS + 1];
};

static bool put_entry(const struct tree_entry *e, void *arg)
{
	struct chunk *c = arg;
	const struct page *p = phys_to_page(pte_addr(e->entry));
	u64 *word = &c->word[(e->addr - c->start) >> PAGE_SHIFT];

	c->sole[e->level - 1] = c->sole[e->level] && proc_mappings_of(e, p) == 1;
	if (e->level > 1)
		return true;
	*word = PM_PRESENT | (p->flags & PG_CACHE ? PM_FILE : 0) |
		(c->sole[0] && !(p->flags & PG_ZERO) ? PM_EXCLUSIVE : 0) |
		(c->numbers ? PFN(pte_addr(e->entry)) & PM_PFN_MASK : 0);
	return true;
}

static int pagemap_open(struct inode *inode, struct file *f)
{
	struct task *p scoped(put_task) = proc_task(proc_node_of(inode));
	struct mm *mm scoped(mm_put) = p ? task_get_mm(p) : NULL;
	struct pagemap *pm;

	if (!p)
		return -ESRCH;
	if (!proc_may_look(p))
		return -EACCES;
	pm = kzalloc(sizeof(*pm));
	if (!pm)
		return -ENOMEM;
	if (mm)
		mm_grab(mm);
	*pm = (struct pagemap){mm, cred_is_root(current->cred)};
	f->private = pm;
	return 0;
}

static void pagemap_release(struct file *f)
{
	struct pagemap *pm = f->private;

	if (pm->mm)
		mm_drop(pm->mm);
	kfree(pm);
}

/* Copy the words of the next pages, at most CHUNK of them. Bytes, or -EFAULT. */
static ssize_t copy_chunk(const struct pagemap *pm, u64 first, struct uio *io, u64 *words)
{
	struct chunk c = {.start = first << PAGE_SHIFT,
			  .word = words,
			  .numbers = pm->numbers,
			  .sole[PT_LEVELS] = true};
	u64 n = MIN(io->left / sizeof(u64), CHUNK), end;
	size_t got;

	n = MIN(n, (TASK_SIZE >> PAGE_SHIFT) - first);
	end = (first + n) << PAGE_SHIFT;
	memset(words, 0, n * sizeof(u64));
	mutex_lock(&pm->mm->lock);
	tree_foreach(pm->mm, c.start, end, put_entry, &c);
	mutex_unlock(&pm->mm->lock);
	got = uio_store(io, words, n * sizeof(u64));
	return got ? (ssize_t)got : -EFAULT;
}

static ssize_t pagemap_read(struct file *f, struct uio *io, u64 *pos)
{
	const struct pagemap *pm = f->private;
	u64 *at = pos ? pos : &f->pos;
	ssize_t done = 0, n = 0;

	if (!pm->mm || !refcount_inc_not_zero(&pm->mm->users))
		return 0;
	struct mm *user scoped(mm_put) = pm->mm;
	if (*at % sizeof(u64) || io->left % sizeof(u64))
		return -EINVAL;
	u64 *words scoped(kfree) = kmalloc(CHUNK * sizeof(u64));
	if (!words)
		return -ENOMEM;
	while (io->left && *at / sizeof(u64) < TASK_SIZE >> PAGE_SHIFT &&
	       !signal_pending(current)) {
		n = copy_chunk(pm, *at / sizeof(u64), io, words);
		if (n < 0)
			break;
		*at += (u64)n;
		done += n;
	}
	(void)user;
	return done ?: n;
}

const struct file_ops proc_pagemap_ops = {
	.open = pagemap_open,
	.release = pagemap_release,
	.read = pagemap_read,
	.lseek = proc_mem_lseek,
	.positioned = true,
};
