/*
 * What a task may share: its memory, descriptors, credentials and place in the file system.
 *
 * A task changes these pointers only under its lock, and drops its own reference after that. It
 * reads them without the lock. A pointer that another task sees under the lock has a reference;
 * that task may take one more, if it has a reference to the owner or knows that the owner stays.
 * unshare(2) copies everything before it changes anything, so that a call that fails has done
 * nothing.
 */
#include "kernel/sharing.h"

#include "kernel/exit.h"
#include "kernel/lib/syscall.h"
#include "kernel/resources.h"
#include "kernel/task.h"
#include "mm/mm.h"

/* ---- references to what another task has ---- */

struct mm *task_get_mm(struct task *t)
{
	guard_spin(&t->lock);
	if (t->mm)
		mm_get(t->mm);
	return t->mm;
}

/* A thread of p's process that is not exiting, with a reference, or NULL. */
static struct task *get_living_thread(struct task *p)
{
	struct task *t;
	u64 flags;
	struct sighand *sh = lock_sighand(p, &flags);

	if (!sh)
		return NULL;
	t = living_thread(p->signal, NULL);
	if (t)
		get_task(t);
	unlock_sighand(sh, flags);
	return t;
}

struct mm *process_get_mm(struct task *p)
{
	struct mm *mm = task_get_mm(p);
	struct task *t scoped(put_task) = mm ? NULL : get_living_thread(p);

	return t ? task_get_mm(t) : mm;
}

struct files *task_get_files(struct task *t)
{
	guard_spin(&t->lock);
	if (t->files)
		files_get(t->files);
	return t->files;
}

struct cred *task_get_cred(struct task *t)
{
	guard_spin(&t->lock);
	refcount_inc(&t->cred->count);
	return t->cred;
}

/* Takes no reference to the fs_context: exec compares its count with the number of threads. */
bool task_read_fs(struct task *t, struct dentry **root, struct dentry **pwd, mode_t *umask)
{
	guard_spin(&t->lock);
	if (!t->fs)
		return false;
	fs_context_read(t->fs, root, pwd);
	if (umask)
		*umask = fs_context_umask(t->fs);
	return true;
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

/* Memory, handlers and threads cannot be unshared: the flags are an error when these are shared. */
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
		exit_sem(current); /* as at exit: the others keep the shared list */
	return 0;
}
