/* Links that lead to files without a path: /proc/self, exe, cwd, root, and the open files. */
#include "kernel/fs/proc/proc.h"
#include "kernel/lib/log.h"
#include "kernel/sharing.h"
#include "kernel/task.h"
#include "mm/mm.h"

/* ---- self, thread-self ---- */

ssize_t proc_self_readlink(struct dentry *link __maybe_unused, char *buf)
{
	return snprintf(buf, PATH_MAX, "%d", current->tgid_nr);
}

ssize_t proc_thread_self_readlink(struct dentry *link __maybe_unused, char *buf)
{
	return snprintf(buf, PATH_MAX, "%d/task/%d", current->tgid_nr, current->pid_nr);
}

/* Look a name up in a directory of ours; takes over the reference to it. */
static struct dentry *step(struct dentry *dir, const char *fmt, int n)
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
	return step(dentry_parent(link), "%d", current->tgid_nr);
}

struct dentry *proc_thread_self_jump(struct dentry *link)
{
	struct dentry *d = step(dentry_parent(link), "%d", current->tgid_nr);

	d = step(d, "task", 0);
	return step(d, "%d", current->pid_nr);
}

/* ---- what belongs to a process ---- */

/* The task, with a reference, when the caller may look into it. ERR_PTR. */
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

/* "/a/b", as seen from the reader's root. */
static ssize_t write_path(struct dentry *d, char *buf)
{
	struct dentry *root;
	bool gone;
	char *path;
	size_t len;

	fs_get_root_pwd(&root, NULL);
	path = dentry_path(d, root, buf, PATH_MAX, &gone);
	dentry_put(root);
	if (IS_ERR(path))
		return PTR_ERR(path);
	len = strlen(path);
	memmove(buf, path, len + 1);
	if (gone)
		len += strlcpy(buf + len, " (deleted)", PATH_MAX - len);
	return (ssize_t)len;
}

/* The root directory of the task, or its working directory. With a reference; ERR_PTR. */
static struct dentry *task_place(struct dentry *link, bool root)
{
	struct task *p = task_to_look_into(link);
	struct dentry *d;
	bool found;

	if (IS_ERR(p))
		return (struct dentry *)p;
	found = task_read_fs(p, root ? &d : NULL, root ? NULL : &d, NULL);
	put_task(p);
	return found ? d : ERR_PTR(-ENOENT);
}

static ssize_t place_readlink(struct dentry *link, char *buf, bool root)
{
	struct dentry *d = task_place(link, root);
	ssize_t n;

	if (IS_ERR(d))
		return PTR_ERR(d);
	n = write_path(d, buf);
	dentry_put(d);
	return n;
}

ssize_t proc_cwd_readlink(struct dentry *link, char *buf)
{
	return place_readlink(link, buf, false);
}

struct dentry *proc_cwd_jump(struct dentry *link)
{
	return task_place(link, false);
}

ssize_t proc_root_readlink(struct dentry *link, char *buf)
{
	return place_readlink(link, buf, true);
}

struct dentry *proc_root_jump(struct dentry *link)
{
	return task_place(link, true);
}

/* ---- open files ---- */

/* The file's own name, or one for the occasion. Drops the reference to `f`. */
static struct dentry *jump_to_file(struct file *f)
{
	struct dentry *d =
		f->dentry ? dentry_get(f->dentry) : dentry_anonymous(inode_get(f->inode));

	file_put(f);
	return d;
}

static ssize_t describe(struct file *f, char *buf)
{
	ssize_t n = (ssize_t)strlen(file_describe(f, buf, PATH_MAX));

	file_put(f);
	return n;
}

/* The program that runs. With a reference; ERR_PTR: a kernel thread has none. */
static struct file *task_exe(struct dentry *link)
{
	struct task *p = task_to_look_into(link);
	struct file *f = NULL;
	struct mm *mm;

	if (IS_ERR(p))
		return (struct file *)p;
	mm = task_get_mm(p);
	put_task(p);
	if (mm) {
		f = mm->exe;
		file_hold(f);
		mm_put(mm);
	}
	return f ? f : ERR_PTR(-ENOENT);
}

ssize_t proc_exe_readlink(struct dentry *link, char *buf)
{
	struct file *f = task_exe(link);

	return IS_ERR(f) ? PTR_ERR(f) : describe(f, buf);
}

struct dentry *proc_exe_jump(struct dentry *link)
{
	struct file *f = task_exe(link);

	return IS_ERR(f) ? (struct dentry *)f : jump_to_file(f);
}

/* With a reference; NULL. */
static struct file *task_file(struct task *p, u32 fd)
{
	struct files *files = task_get_files(p);
	struct file *f = files ? files_get_file(files, fd) : NULL;

	if (files)
		files_put(files);
	return f;
}

/* With a reference; ERR_PTR. */
static struct file *link_file(struct dentry *link)
{
	struct task *p = task_to_look_into(link);
	struct file *f;

	if (IS_ERR(p))
		return (struct file *)p;
	f = task_file(p, proc_node_of(link->inode)->fd);
	put_task(p);
	return f ? f : ERR_PTR(-ENOENT);
}

static ssize_t fd_readlink(struct dentry *link, char *buf)
{
	struct file *f = link_file(link);

	return IS_ERR(f) ? PTR_ERR(f) : describe(f, buf);
}

static struct dentry *fd_jump(struct dentry *link)
{
	struct file *f = link_file(link);

	return IS_ERR(f) ? (struct dentry *)f : jump_to_file(f);
}

static const struct proc_entry fd_entry = PROC_LINK("", fd_readlink, fd_jump);

/* Permissions of the link tell how the file was opened. */
static struct dentry *fd_find(struct dentry *dir, const struct qname *name)
{
	const struct proc_node *node = proc_node_of(dir->inode);
	struct task *p = proc_task(node);
	struct file *f = NULL;
	struct dentry *d;
	u32 fd, mode;

	if (p && proc_number(name, &fd))
		f = task_file(p, fd);
	if (p)
		put_task(p);
	if (!f)
		return NULL;
	mode = f->mode;
	file_put(f);
	d = proc_make(dir, name, &fd_entry, node->pid, fd);
	if (!IS_ERR(d))
		d->inode->mode = S_IFLNK | 0100 | (mode & FMODE_READ ? 0400 : 0) |
				 (mode & FMODE_WRITE ? 0200 : 0);
	return d;
}

static bool fd_next(const struct proc_node *dir, u32 *n)
{
	struct task *p = proc_task(dir);
	struct files *files = p ? task_get_files(p) : NULL;
	bool found = files && files_next(files, n);

	if (files)
		files_put(files);
	if (p)
		put_task(p);
	return found;
}

const struct proc_dir proc_fd_dir = {.find = fd_find, .next = fd_next, .each = &fd_entry};
