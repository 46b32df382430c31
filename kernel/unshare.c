/*
 * Leaving what clone(2) shared: unshare(2).
 *
 * Everything is copied before anything changes, so that a call that fails has done nothing.
 */
#include "kernel/unshare.h"

#include "kernel/fork.h"
#include "kernel/fs/fs.h"
#include "kernel/ipc/ipc.h"
#include "kernel/sys/syscall.h"
#include "kernel/task.h"
#include "mm/mm.h"

#define UNSHARE_SUPPORTED \
	(CLONE_FILES | CLONE_FS | CLONE_SYSVSEM | CLONE_THREAD | CLONE_SIGHAND | CLONE_VM)

void replace_files(struct files *own)
{
	struct files *shared = current->files;

	spin_lock(&tasklist_lock); /* other tasks look at the pointer under it */
	current->files = own;
	spin_unlock(&tasklist_lock);
	files_put(shared);
}

static void replace_fs(struct fs_context *own)
{
	struct fs_context *shared = current->fs;
	bool last;

	spin_lock(&tasklist_lock);
	current->fs = own;
	last = fs_context_leave(shared);
	spin_unlock(&tasklist_lock);
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
