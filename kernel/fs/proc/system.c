/* /proc itself: the system as a whole, and a directory for each process. proc(5). */
#include "boot/boot_info.h"
#include "kernel/debug/debug.h"
#include "kernel/fs/proc/proc.h"
#include "kernel/ipc/show.h"
#include "kernel/lib/log.h"
#include "kernel/sys/syscall.h"
#include "kernel/task.h"
#include "kernel/time/timer.h"
#include "mm/slab.h"

static int show_version(struct seq *s, const struct proc_node *node __maybe_unused)
{
	seq_printf(s, "%s version %s (%s) %s\n", utsname.sysname, utsname.release, __VERSION__,
		   utsname.version);
	return 0;
}

static int show_cmdline(struct seq *s, const struct proc_node *node __maybe_unused)
{
	seq_printf(s, "%s\n", kernel_command_line());
	return 0;
}

static void mount_line(const struct super *sb, const char *path, void *seq)
{
	seq_printf(seq, "%s %s %s %s%s%s%s%s 0 0\n", sb->source, path, sb->type->name,
		   sb->flags & MS_RDONLY ? "ro" : "rw", sb->flags & MS_NOSUID ? ",nosuid" : "",
		   sb->flags & MS_NODEV ? ",nodev" : "", sb->flags & MS_NOEXEC ? ",noexec" : "",
		   sb->options);
}

int proc_show_mounts(struct seq *s, const struct proc_node *node __maybe_unused)
{
	mounts_foreach(mount_line, s);
	return 0;
}

static ssize_t mounts_readlink(struct dentry *link __maybe_unused, char *buf)
{
	return (ssize_t)strlcpy(buf, "self/mounts", PATH_MAX);
}

static struct dentry *mounts_jump(struct dentry *link)
{
	struct dentry *self = proc_self_jump(link), *d;
	struct qname name = qname_of("mounts", 6);

	if (IS_ERR(self))
		return self;
	d = self->inode->ops->lookup(self, &name);
	dentry_put(self);
	return d ? d : ERR_PTR(-ENOENT);
}

static void type_line(const struct fs_type *type, void *seq)
{
	seq_printf(seq, "nodev\t%s\n", type->name);
}

static int show_filesystems(struct seq *s, const struct proc_node *node __maybe_unused)
{
	fs_types_foreach(type_line, s);
	return 0;
}

static const struct proc_entry pid_entry = PROC_DIR("", 0555, proc_pid_dir);

/* Threads that are no leaders are found by their number too, but not listed. */
static struct dentry *pid_find(struct dentry *dir, const struct qname *name)
{
	struct dentry *d = NULL;
	struct task *p = NULL;
	struct pid *pid;
	u32 nr;

	if (proc_number(name, &nr))
		p = find_get_task((pid_t)nr);
	if (!p)
		return NULL;
	pid = find_get_pid((pid_t)nr);
	if (pid)
		d = proc_make(dir, name, &pid_entry, pid, 0);
	put_pid(pid);
	put_task(p);
	return d;
}

static bool pid_next(const struct proc_node *dir __maybe_unused, u32 *n)
{
	pid_t nr = (pid_t)*n;
	bool found = next_process(&nr);

	*n = (u32)nr;
	return found;
}

static const struct proc_entry ipc_entries[] = {
	PROC_FILE("sem", 0444, sem_show),
	PROC_FILE("shm", 0444, shm_show),
};
static const struct proc_dir ipc_dir = {.entries = ipc_entries, .nr = ARRAY_SIZE(ipc_entries)};

static const struct proc_entry root_entries[] = {
	PROC_FILE("cmdline", 0444, show_cmdline),
	PROC_FILE("filesystems", 0444, show_filesystems),
	PROC_LINK("mounts", mounts_readlink, mounts_jump),
	PROC_LINK("self", proc_self_readlink, proc_self_jump),
	PROC_DIR("sysvipc", 0555, ipc_dir),
	PROC_LINK("thread-self", proc_thread_self_readlink, proc_thread_self_jump),
	PROC_FILE("version", 0444, show_version),
};

const struct proc_dir proc_root_dir = {.entries = root_entries,
				       .nr = ARRAY_SIZE(root_entries),
				       .find = pid_find,
				       .next = pid_next,
				       .each = &pid_entry};
