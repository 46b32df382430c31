/*
 * What a task may share: its memory, descriptors, credentials, its place in the file system.
 *
 * A task changes these pointers only under its lock, and drops its own reference after that: a
 * pointer that is seen under the lock still has that reference, and another one may be taken. The
 * caller has a reference to the task itself, or knows by other means that it stays. unshare(2)
 * copies everything before it changes anything, so that a call that fails has done nothing.
 */
#include "kernel/sharing.h"

#include "kernel/fork.h"
#include "kernel/lib/syscall.h"
#include "kernel/resources.h"
#include "kernel/task.h"
#include "mm/mm.h"

/* ---- taking hold of what another task has ---- */

struct mm *task_get_mm(struct task *t)
{
	struct mm *mm;

	spin_lock(&t->lock);
	mm = t->mm;
	if (mm)
		mm_get(mm);
	spin_unlock(&t->lock);
	return mm;
}

/* A thread of p's process that does not exit, with a reference; NULL. */
static struct task *get_living_thread(struct task *p)
{
	struct task *t, *found = NULL;
	struct sighand *sh;
	u64 flags;

	sh = lock_sighand(p, &flags);
	if (!sh)
		return NULL;
	list_for_each_entry (t, &p->signal->threads, thread_node)
		if (!(t->flags & PF_EXITING))
			found = t;
	if (found)
		get_task(found);
	unlock_sighand(sh, flags);
	return found;
}

struct mm *process_get_mm(struct task *p)
{
	struct mm *mm = task_get_mm(p);
	struct task *t;

	if (mm)
		return mm;
	t = get_living_thread(p);
	if (t) {
		mm = task_get_mm(t);
		put_task(t);
	}
	return mm;
}

struct files *task_get_files(struct task *t)
{
	struct files *files;

	spin_lock(&t->lock);
	files = t->files;
	if (files)
		files_get(files);
	spin_unlock(&t->lock);
	return files;
}

struct cred *task_get_cred(struct task *t)
{
	struct cred *cred;

	spin_lock(&t->lock);
	cred = t->cred;
	refcount_inc(&cred->count);
	spin_unlock(&t->lock);
	return cred;
}

/* No reference to the struct itself: exec counts the tasks that use it. */
bool task_read_fs(struct task *t, struct dentry **root, struct dentry **pwd, mode_t *umask)
{
	struct fs_context *fs;

	spin_lock(&t->lock);
	fs = t->fs;
	if (fs) {
		fs_context_read(fs, root, pwd);
		if (umask)
			*umask = fs_context_umask(fs);
	}
	spin_unlock(&t->lock);
	return fs != NULL;
}

/* ---- leaving what clone(2) shared ---- */

#define UNSHARE_SUPPORTED \
	(CLONE_FILES | CLONE_FS | CLONE_SYSVSEM | CLONE_THREAD | CLONE_SIGHAND | CLONE_VM)

void replace_files(struct files *own)
{
	struct files *shared = current->files;

	spin_lock(&current->lock);
	guarded(current, files) = own;
	spin_unlock(&current->lock);
	files_put(shared);
}

static void replace_fs(struct fs_context *own)
{
	struct fs_context *shared = current->fs;
	bool last;

	spin_lock(&current->lock);
	last = fs_context_leave(&current->fs, own);
	spin_unlock(&current->lock);
	if (last)
		fs_context_free(shared);
}

int unshare_files(void)
{
	struct files *own;

	if (files_users(current->files) == 1)
		return 0;
	own = files_clone(current->files);
	if (!own)
		return -ENOMEM;
	replace_files(own);
	return 0;
}

/* Memory, handlers and threads cannot be parted: it is an error to ask for it when they are shared.
 */
static int check_unshare_flags(u64 flags)
{
	if (flags & ~(u64)UNSHARE_SUPPORTED)
		return -EINVAL;
	if ((flags & (CLONE_THREAD | CLONE_SIGHAND | CLONE_VM)) && current->signal->nr_threads > 1)
		return -EINVAL;
	if ((flags & (CLONE_SIGHAND | CLONE_VM)) && refcount_read(&current->sighand->count) > 1)
		return -EINVAL;
	if ((flags & CLONE_VM) && refcount_read(&current->mm->users) > 1)
		return -EINVAL;
	return 0;
}

long sys_unshare(unsigned long flags)
{
	struct fs_context *fs = NULL;
	int err = check_unshare_flags(flags);

	if (err)
		return err;
	if ((flags & CLONE_FS) && fs_context_users(current->fs) > 1) {
		fs = fs_context_clone(current->fs);
		if (!fs)
			return -ENOMEM;
	}
	err = flags & CLONE_FILES ? unshare_files() : 0;
	if (err) {
		if (fs)
			fs_context_put(fs);
		return err;
	}
	if (fs)
		replace_fs(fs);
	if (flags & CLONE_SYSVSEM)
		exit_sem(current); /* as its end would: what is left of the list is the others' */
	return 0;
}
