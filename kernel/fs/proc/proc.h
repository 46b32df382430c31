/*
 * procfs: files whose names and contents are computed when somebody asks. proc(5).
 *
 * What there is is written down in tables of proc_entry. A name gets a dentry and an inode anew
 * with each look-up; nothing of it is kept, and only the struct pid in its node ties it to a
 * process. That process may be gone whenever the file is read: then it is -ESRCH.
 */
#pragma once

#include "kernel/fs/seq.h"
#include "kernel/fs/vfs.h"
#include "kernel/signal/sigqueue.h"
#include "kernel/time/timer.h"

struct mm;
struct task;

struct proc_entry;

/* Which file it is: the inode's private part. */
struct proc_node {
	const struct proc_entry *entry;
	struct pid *pid; /* whose it is, a reference; NULL: the system's */
	u32 fd;          /* /proc/PID/fd/N */
	bool thread;     /* below task/: one thread, not its whole group */
};

/* The names of a directory: fixed ones, then computed ones. */
struct proc_dir {
	const struct proc_entry *entries;
	u32 nr;
	/* The entry of a computed name, by proc_make(); NULL: there is none. ERR_PTR. */
	struct dentry *(*find)(struct dentry *dir, const struct qname *name);
	/* The first computed name at or after *n, which becomes its number; false: there is none.
	 */
	bool (*next)(const struct proc_node *dir, u32 *n);
	const struct proc_entry *each; /* what the computed ones are */
};

struct proc_entry {
	const char *name;
	mode_t mode;  /* type and permissions */
	bool guarded; /* whatever the mode: only a task that may look into the process opens it */
	/* S_IFREG: the contents; 0 or -errno. */
	int (*show)(struct seq *s, const struct proc_node *node);
	int (*show_mm)(struct seq *s, struct mm *mm); /* pid_dir.c: what show() tells of it */
	int (*store)(const struct proc_node *node, char *text); /* a write; 0 or -errno */
	const struct proc_dir *dir;                             /* S_IFDIR */
	/* S_IFLNK: either its text for the reader at hand, or where it leads. */
	ssize_t (*readlink)(struct dentry *link, char *buf);
	struct dentry *(*jump)(struct dentry *link);
	const void *arg; /* what show() and store() want to know */
};

/* ---- machine.c ---- */
int proc_show_stat(struct seq *s, const struct proc_node *node);
int proc_show_uptime(struct seq *s, const struct proc_node *node);
int proc_show_loadavg(struct seq *s, const struct proc_node *node);
int proc_show_meminfo(struct seq *s, const struct proc_node *node);
int proc_show_vmstat(struct seq *s, const struct proc_node *node);
int proc_show_cpuinfo(struct seq *s, const struct proc_node *node);
int proc_show_interrupts(struct seq *s, const struct proc_node *node);

#define PROC_FILE(nm, fn)                                          \
	{                                                          \
		.name = (nm), .mode = S_IFREG | 0444, .show = (fn) \
	}
#define PROC_WRITABLE(nm, fn, write)                                                 \
	{                                                                            \
		.name = (nm), .mode = S_IFREG | 0644, .show = (fn), .store = (write) \
	}
/* A directory of the entries in an array, and one with computed names. */
#define PROC_DIR(nm, list)                                                            \
	{                                                                             \
		.name = (nm), .mode = S_IFDIR | 0555, .dir = &(const struct proc_dir) \
		{                                                                     \
			.entries = (list), .nr = ARRAY_SIZE(list)                     \
		}                                                                     \
	}
#define PROC_NUMBERED(nm, md, what)                                  \
	{                                                            \
		.name = (nm), .mode = S_IFDIR | (md), .dir = &(what) \
	}
#define PROC_LINK(nm, text, to, ...)                                                    \
	{                                                                               \
		.name = (nm), .mode = S_IFLNK | 0777, .readlink = (text), .jump = (to), \
		__VA_ARGS__                                                             \
	}

static inline const struct proc_node *proc_node_of(const struct inode *i)
{
	return i->private;
}
/* A dentry below `dir`, with a reference, for this entry; gains its own reference to `pid`.
 * ERR_PTR. */
struct dentry *proc_make(struct dentry *dir, const struct qname *name, const struct proc_entry *e,
			 struct pid *pid, u32 fd);
/* A name that is a number without leading zeroes. */
bool proc_number(const struct qname *name, u32 *n);
/* The task of a node, with a reference; NULL: it is gone. */
struct task *proc_task(const struct proc_node *node);
/* May current see what a process keeps to itself? ptrace(2), "Ptrace access mode checking". Asked
 * at each read: a file may have been opened before the process became somebody else's by exec. */
bool proc_may_look(struct task *p);

static inline u64 ticks(u64 ns)
{
	return ns / (NSEC_PER_SEC / USER_HZ);
}

/* ---- pid_dir.c, links.c ---- */
extern const struct proc_dir proc_pid_dir; /* /proc/PID */
extern const struct proc_dir proc_fd_dir;
/* Look a name up in a directory of procfs; takes over the reference to it. ERR_PTR. */
struct dentry *proc_step(struct dentry *dir, const char *fmt, int n);
ssize_t proc_self_readlink(struct dentry *link, char *buf);
struct dentry *proc_self_jump(struct dentry *link);
ssize_t proc_thread_self_readlink(struct dentry *link, char *buf);
struct dentry *proc_thread_self_jump(struct dentry *link);
/* To a file: the program, or an open one; to a directory: the working one, or the root if the entry
 * has an argument. */
ssize_t proc_file_readlink(struct dentry *link, char *buf);
struct dentry *proc_file_jump(struct dentry *link);
ssize_t proc_place_readlink(struct dentry *link, char *buf);
struct dentry *proc_place_jump(struct dentry *link);

/* The line that was written, without blanks around it. */
char *proc_trim(char *text);

/* ---- oom_score.c ---- */
int proc_show_oom_score(struct seq *s, const struct proc_node *node);
int proc_show_oom_score_adj(struct seq *s, const struct proc_node *node);
int proc_store_oom_score_adj(const struct proc_node *node, char *text);
int proc_show_oom_adj(struct seq *s, const struct proc_node *node);
int proc_store_oom_adj(const struct proc_node *node, char *text);

/* ---- status.c ---- */
int proc_show_pid_stat(struct seq *s, const struct proc_node *node);
int proc_show_status(struct seq *s, const struct proc_node *node);
int proc_show_statm(struct seq *s, const struct proc_node *node);

/* ---- system.c ---- */
extern const struct proc_dir proc_root_dir;
extern const struct proc_dir proc_sys_dir; /* sysctl.c */
int proc_show_mounts(struct seq *s, const struct proc_node *node);
int proc_show_mountinfo(struct seq *s, const struct proc_node *node);
