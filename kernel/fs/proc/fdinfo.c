/* /proc/PID/fdinfo: how each descriptor was opened, and what its file tells. proc(5) */
#include "kernel/fs/proc/proc.h"
#include "kernel/sharing.h"

static int show_fdinfo(struct seq *s, const struct proc_node *node)
{
	struct task *p scoped(put_task) = proc_task(node);
	struct files *files scoped(files_put) = p ? task_get_files(p) : NULL;
	bool cloexec;

	if (!p)
		return -ESRCH;
	if (!proc_may_look(p))
		return -EACCES;
	struct file *f scoped(file_put) = files ? files_look(files, node->fd, &cloexec) : NULL;
	if (!f)
		return -ENOENT;
	seq_printf(s, "pos:\t%lu\nflags:\t0%o\nmnt_id:\t%u\nino:\t%lu\n", READ_ONCE(f->pos),
		   READ_ONCE(f->flags) | (cloexec ? O_CLOEXEC : 0), super_number(f->inode->sb),
		   f->inode->ino);
	locks_show_of(s, f, files);
	if (f->ops && f->ops->show_fdinfo)
		f->ops->show_fdinfo(f, s);
	return 0;
}

static const struct proc_entry fdinfo_entry = {
	.mode = S_IFREG | 0444, .guarded = true, .show = show_fdinfo};

static struct dentry *fdinfo_find(struct dentry *dir, const struct qname *name)
{
	const struct proc_node *node = proc_node_of(dir->inode);
	struct task *p scoped(put_task) = proc_task(node);
	struct files *files scoped(files_put) = p ? task_get_files(p) : NULL;
	u32 fd;

	if (!files || !proc_number(name, &fd))
		return NULL;
	struct file *f scoped(file_put) = files_get_file(files, fd);
	return f ? proc_make(dir, name, &fdinfo_entry, node->pid, fd) : NULL;
}

const struct proc_dir proc_fdinfo_dir = {
	.find = fdinfo_find, .next = proc_fd_next, .each = &fdinfo_entry};
