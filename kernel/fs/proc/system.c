/* /proc itself: the system as a whole, and a directory for each process. proc(5). */
#include "boot/boot_info.h"
#include "kernel/fs/poll/poll.h"
#include "kernel/fs/proc/proc.h"
#include "kernel/ipc/ipc.h"
#include "kernel/sys/utsname.h"

static int show_version(struct seq *s, const struct proc_node *node __maybe_unused)
{
	struct new_utsname u;

	utsname_get(&u);
	seq_printf(s, "%s version %s (%s) %s\n", u.sysname, u.release, __VERSION__, u.version);
	return 0;
}

static int show_cmdline(struct seq *s, const struct proc_node *node __maybe_unused)
{
	seq_printf(s, "%s\n", kernel_command_line());
	return 0;
}

/* Written as three octal digits: fstab(5). '#' matters in the first column only. */
#define ODD_IN_PATHS   " \t\n\\"
#define ODD_IN_SOURCES ODD_IN_PATHS "#"

static void mount_options(struct seq *s, const struct super *sb)
{
	static const struct {
		unsigned long flag;
		const char *name;
	} options[] = {{MS_SYNCHRONOUS, ",sync"}, {MS_NOSUID, ",nosuid"},
		       {MS_NODEV, ",nodev"},      {MS_NOEXEC, ",noexec"},
		       {MS_NOATIME, ",noatime"},  {MS_NODIRATIME, ",nodiratime"},
		       {MS_RELATIME, ",relatime"}};

	seq_puts(s, sb->flags & MS_RDONLY ? "ro" : "rw");
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		if (sb->flags & options[i].flag)
			seq_puts(s, options[i].name);
}

static void mount_line(const struct super *sb, const char *path, void *seq)
{
	seq_escape(seq, sb->source, ODD_IN_SOURCES);
	seq_puts(seq, " ");
	seq_escape(seq, path, ODD_IN_PATHS);
	seq_printf(seq, " %s ", sb->type->name);
	mount_options(seq, sb);
	seq_printf(seq, "%s 0 0\n", sb->options);
}

static void mountinfo_line(const struct super *sb, const char *path, void *seq)
{
	const struct dentry *place = sb->root->covers;
	u32 id = super_number(sb), parent = place ? super_number(place->inode->sb) : 0;

	seq_printf(seq, "%u %u 0:%u / ", id, parent, id);
	seq_escape(seq, path, ODD_IN_PATHS);
	seq_puts(seq, " ");
	mount_options(seq, sb);
	seq_printf(seq, " - %s ", sb->type->name);
	seq_escape(seq, sb->source, ODD_IN_SOURCES);
	seq_printf(seq, " %s%s\n", sb->flags & MS_RDONLY ? "ro" : "rw", sb->options);
}

int proc_show_mountinfo(struct seq *s, const struct proc_node *node __maybe_unused)
{
	mounts_foreach(mountinfo_line, s);
	return 0;
}

int proc_show_mounts(struct seq *s, const struct proc_node *node __maybe_unused)
{
	mounts_foreach(mount_line, s);
	return 0;
}

static void mountstats_line(const struct super *sb, const char *path, void *seq)
{
	seq_puts(seq, "device ");
	seq_escape(seq, sb->source, ODD_IN_SOURCES);
	seq_puts(seq, " mounted on ");
	seq_escape(seq, path, ODD_IN_PATHS);
	seq_printf(seq, " with fstype %s\n", sb->type->name);
}

int proc_show_mountstats(struct seq *s, const struct proc_node *node __maybe_unused)
{
	mounts_foreach(mountstats_line, s);
	return 0;
}

u32 proc_mounts_poll(struct seq *s, struct poll_table *pt)
{
	u64 now;
	bool news;

	poll_wait(pt, &mount_wait);
	now = READ_ONCE(mount_changes);
	news = __atomic_exchange_n(&s->event, now, __ATOMIC_RELAXED) != now;
	return POLLIN | POLLRDNORM | (news ? POLLERR | POLLPRI : 0);
}

static ssize_t mounts_readlink(struct dentry *link __maybe_unused, char *buf)
{
	return (ssize_t)strlcpy(buf, "self/mounts", PATH_MAX);
}

static struct dentry *mounts_jump(struct dentry *link)
{
	return proc_step(proc_self_jump(link), "mounts", 0);
}

static int show_locks(struct seq *s, const struct proc_node *node __maybe_unused)
{
	locks_show(s);
	return 0;
}

static int show_filesystems(struct seq *s, const struct proc_node *node __maybe_unused)
{
	LINKER_SET_FOREACH(fs_types, it)
	{
		seq_printf(s, "nodev\t%s\n", (*it)->name);
	}
	return 0;
}

static void absent_call(unsigned long nr, u64 count, void *seq)
{
	if (nr < NR_SYSCALLS)
		seq_printf(seq, "%lu %s %lu\n", nr, syscall_name(nr), count);
	else
		seq_printf(seq, "- beyond %lu\n", count);
}

/* Only on Bident: each missing system call that was made, and how often. */
static int show_unimplemented(struct seq *s, const struct proc_node *node __maybe_unused)
{
	unimplemented_foreach(absent_call, s);
	return 0;
}

int proc_show_text(struct seq *s, const struct proc_node *node)
{
	seq_puts(s, node->entry->arg);
	return 0;
}

static int show_devices(struct seq *s, const struct proc_node *node __maybe_unused)
{
	devices_show(s);
	return 0;
}

/* Name, path, major and minor numbers, and kind, as in Linux's. */
static const struct proc_entry tty_entries[] = {
	PROC_TEXT("drivers", "/dev/tty             /dev/tty        5       0 system:/dev/tty\n"
			     "/dev/console         /dev/console    5       1 system:console\n"
			     "/dev/ptmx            /dev/ptmx       5       2 system\n"
			     "pty_slave            /dev/pts      136 0-1048575 pty:slave\n"),
};

static const struct proc_entry bident_entries[] = {
	PROC_FILE("unimplemented", show_unimplemented),
};

static const struct proc_entry pid_entry = PROC_NUMBERED("", 0555, proc_pid_dir);

/* Other threads than leaders are found by number too, but not listed. */
static struct dentry *pid_find(struct dentry *dir, const struct qname *name)
{
	u32 nr;

	if (!proc_number(name, &nr))
		return NULL;
	struct task *p scoped(put_task) = find_get_task((pid_t)nr);
	struct pid *pid scoped(put_pid) = p ? find_get_pid((pid_t)nr) : NULL;
	return pid ? proc_make(dir, name, &pid_entry, pid, 0) : NULL;
}

static bool pid_next(const struct proc_node *dir __maybe_unused, u32 *n)
{
	pid_t nr = (pid_t)*n;
	bool found = next_process(&nr);

	*n = (u32)nr;
	return found;
}

static const struct proc_entry ipc_entries[] = {
	PROC_TEXT("msg",
		  "       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  "
		  "cuid  cgid      stime      rtime      ctime\n"),
	PROC_FILE("sem", sem_show),
	PROC_FILE("shm", shm_show),
};

static const struct proc_entry root_entries[] = {
	PROC_DIR("bident", bident_entries),
	PROC_FILE("buddyinfo", proc_show_buddyinfo),
	PROC_TEXT("cgroups", "#subsys_name\thierarchy\tnum_cgroups\tenabled\n"),
	PROC_FILE("cmdline", show_cmdline),
	PROC_FILE("cpuinfo", proc_show_cpuinfo),
	PROC_FILE("devices", show_devices),
	PROC_TEXT("diskstats", ""),
	PROC_FILE("filesystems", show_filesystems),
	PROC_FILE("interrupts", proc_show_interrupts),
	PROC_TEXT("key-users", ""),
	PROC_FILE("loadavg", proc_show_loadavg),
	PROC_FILE("locks", show_locks),
	PROC_FILE("meminfo", proc_show_meminfo),
	PROC_LINK("mounts", mounts_readlink, mounts_jump),
	PROC_NUMBERED("net", 0555, proc_net_dir),
	PROC_TEXT("partitions", ""),
	PROC_LINK("self", proc_self_readlink, proc_self_jump),
	PROC_SECRET("slabinfo", proc_show_slabinfo),
	PROC_FILE("softirqs", proc_show_softirqs),
	PROC_FILE("stat", proc_show_stat),
	PROC_TEXT("swaps", "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"),
	PROC_NUMBERED("sys", 0555, proc_sys_dir),
	PROC_DIR("sysvipc", ipc_entries),
	PROC_LINK("thread-self", proc_thread_self_readlink, proc_thread_self_jump),
	PROC_DIR("tty", tty_entries),
	PROC_FILE("uptime", proc_show_uptime),
	PROC_FILE("version", show_version),
	PROC_FILE("vmstat", proc_show_vmstat),
};

const struct proc_dir proc_root_dir = {.entries = root_entries,
				       .nr = ARRAY_SIZE(root_entries),
				       .find = pid_find,
				       .next = pid_next,
				       .each = &pid_entry};
