/*
 * Taking hold of what another task owns: its memory, its descriptors, its place in the file system.
 *
 * A task changes these pointers only under tasklist_lock, and drops its own reference after that:
 * whoever sees one under the lock may still take a reference.
 */
#include "kernel/task_refs.h"

#include "kernel/fs/fs.h"
#include "kernel/task.h"
#include "mm/mm.h"

struct mm *task_get_mm(struct task *t)
{
	struct mm *mm;

	spin_lock(&tasklist_lock);
	mm = t->mm;
	if (mm)
		mm_get(mm);
	spin_unlock(&tasklist_lock);
	return mm;
}

struct files *task_get_files(struct task *t)
{
	struct files *files;

	spin_lock(&tasklist_lock);
	files = t->files;
	if (files)
		files_get(files);
	spin_unlock(&tasklist_lock);
	return files;
}

/* No reference to the struct itself: exec counts the tasks that use it. */
bool task_read_fs(struct task *t, struct dentry **root, struct dentry **pwd, mode_t *umask)
{
	struct fs_context *fs;

	spin_lock(&tasklist_lock);
	fs = t->fs;
	if (fs) {
		fs_context_read(fs, root, pwd);
		if (umask)
			*umask = fs_context_umask(fs);
	}
	spin_unlock(&tasklist_lock);
	return fs != NULL;
}
