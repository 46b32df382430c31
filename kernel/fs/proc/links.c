/* Links to files without a path: /proc/self, exe, cwd, root, and the open files. */
#include "kernel/fs/proc/proc.h"
#include "kernel/sharing.h"
#include "mm/mm.h"

ssize_t proc_self_readlink(struct dentry *link __maybe_unused, char *buf)
{
	return snprintf(buf, PATH_MAX, "%d", current->tgid_nr);
}

ssize_t proc_thread_self_readlink(struct dentry *link __maybe_unused, char *buf)
{
	return snprintf(buf, PATH_MAX, "%d/task/%d", current->tgid_nr, current->pid_nr);
}

struct dentry *proc_step(struct dentry *dir, const char *fmt, int n)
{
	char text[16];
	int len = scnprintf(text, sizeof(text), fmt, n);
	struct qname name = qname_of(text, (u32)len);
	struct dentry *d = IS_ERR(dir) ? dir : dir->inode->ops->lookup(dir, &name);

	if (!IS_ERR(dir))
		dentry_put(dir);
	return d ? d : ERR_PTR(-ENOENT);
}

struct dentry *proc_self_jump(struct dentry *link)
{
	return proc_step(dentry_parent(link), "%d", current->tgid_nr);
}

struct dentry *proc_thread_self_jump(struct dentry *link)
{
	struct dentry *d = proc_step(proc_self_jump(link), "task", 0);

	return proc_step(d, "%d", current->pid_nr);
}

/* The task, with a reference, if the caller may look into it. ERR_PTR. */
static struct task *task_to_look_into(struct dentry *link)
{
	struct task *p = proc_task(proc_node_of(link->inode));

	if (!p)
		return ERR_PTR(-ESRCH);
	if (proc_may_look(p))
		return p;
	put_task(p);
	return ERR_PTR(-EACCES);
}

/* The task's root directory if the entry has an argument, else its working directory. */
struct dentry *proc_place_jump(struct dentry *link)
{
	bool root = proc_node_of(link->inode)->entry->arg != NULL;
	struct task *p scoped(put_task) = task_to_look_into(link);
	struct dentry *d;

	if (IS_ERR(p))
		return (struct dentry *)p;
	return task_read_fs(p, root ? &d : NULL, root ? NULL : &d, NULL) ? d : ERR_PTR(-ENOENT);
}

ssize_t proc_place_readlink(struct dentry *link, char *buf)
{
	struct dentry *d scoped(dentry_put) = proc_place_jump(link);

	return IS_ERR(d) ? PTR_ERR(d) : dentry_describe(d, buf, PATH_MAX);
}

/* The program of the task. With a reference; NULL: a kernel thread. */
static struct file *task_exe(struct task *p)
{
	struct mm *mm scoped(mm_put) = task_get_mm(p);

	if (!mm)
		return NULL;
	file_hold(mm->exe);
	return mm->exe;
}

/* With a reference; NULL. */
static struct file *task_file(struct task *p, u32 fd)
{
	struct files *files scoped(files_put) = task_get_files(p);

	return files ? files_get_file(files, fd) : NULL;
}

static const struct proc_entry fd_entry = PROC_LINK("", proc_file_readlink, proc_file_jump);

/* With a reference; ERR_PTR. */
static struct file *link_file(struct dentry *link)
{
	const struct proc_node *node = proc_node_of(link->inode);
	struct task *p scoped(put_task) = task_to_look_into(link);

	if (IS_ERR(p))
		return (struct file *)p;
	return (node->entry == &fd_entry ? task_file(p, node->fd) : task_exe(p))
		       ?: ERR_PTR(-ENOENT);
}

ssize_t proc_file_readlink(struct dentry *link, char *buf)
{
	struct file *f scoped(file_put) = link_file(link);

	return IS_ERR(f) ? PTR_ERR(f) : (ssize_t)strlen(file_describe(f, buf, PATH_MAX));
}

struct dentry *proc_file_jump(struct dentry *link)
{
	struct file *f scoped(file_put) = link_file(link);

	return IS_ERR(f) ? (struct dentry *)f : file_dentry(f);
}

/* The link's permissions show how the file was opened. */
static struct dentry *fd_find(struct dentry *dir, const struct qname *name)
{
	const struct proc_node *node = proc_node_of(dir->inode);
	struct task *p scoped(put_task) = proc_task(node);
	struct dentry *d;
	u32 fd;

	if (!p || !proc_number(name, &fd))
		return NULL;
	struct file *f scoped(file_put) = task_file(p, fd);
	if (!f)
		return NULL;
	d = proc_make(dir, name, &fd_entry, node->pid, fd);
	if (!IS_ERR(d))
		d->inode->mode = S_IFLNK | 0100 | (f->mode & FMODE_READ ? 0400 : 0) |
				 (f->mode & FMODE_WRITE ? 0200 : 0);
	return d;
}

bool proc_fd_next(const struct proc_node *dir, u32 *n)
{
	struct task *p scoped(put_task) = proc_task(dir);
	struct files *files scoped(files_put) = p ? task_get_files(p) : NULL;

	return files && files_next(files, n);
}

const struct proc_dir proc_fd_dir = {.find = fd_find, .next = proc_fd_next, .each = &fd_entry};
