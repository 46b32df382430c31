/* procfs: files whose names and contents are computed on demand. proc(5). Tables of proc_entry list
 * them. Each look-up makes a new dentry and inode, which are not kept. Only the struct pid in its
 * node ties a file to a process, which may be gone when the file is read: then -ESRCH. */
#pragma once

#include "kernel/fs/seq.h"
#include "kernel/fs/vfs.h"
#include "kernel/signal/sigqueue.h"
#include "kernel/time/timer.h"

struct mm;
struct task;
struct proc_entry;

/* Which file an inode is: its private part. */
struct proc_node {
	const struct proc_entry *entry;
	struct pid *pid; /* its process, a reference; NULL: the system */
	u32 fd;          /* /proc/PID/fd/N */
	bool thread;     /* below task/: one thread, not the process */
};

/* The entries of a directory: fixed ones, then computed ones. */
struct proc_dir {
	const struct proc_entry *entries;
	u32 nr;
	/* The dentry of a computed name, from proc_make(); NULL: none. ERR_PTR. */
	struct dentry *(*find)(struct dentry *dir, const struct qname *name);
	/* Move *n to the number of the first computed name from *n on; false: none. */
	bool (*next)(const struct proc_node *dir, u32 *n);
	const struct proc_entry *each; /* the entry of all computed names */
};

typedef int proc_show_fn(struct seq *s, const struct proc_node *node); /* 0 or -errno */
typedef int proc_store_fn(const struct proc_node *node, char *text);   /* same */
typedef ssize_t proc_readlink_fn(struct dentry *link, char *buf);
typedef struct dentry *proc_jump_fn(struct dentry *link);

struct proc_entry {
	const char *name;
	mode_t mode;        /* type and permissions */
	bool guarded;       /* regardless of the mode, needs proc_may_look() */
	proc_show_fn *show; /* S_IFREG: write the contents */
	int (*show_mm)(struct seq *s, struct mm *mm); /* called by show() of pid_dir.c */
	proc_store_fn *store;                         /* S_IFREG: a write */
	const struct proc_dir *dir;                   /* S_IFDIR */
	proc_readlink_fn *readlink;                   /* S_IFLNK: its text for the reader */
	proc_jump_fn *jump;                           /* S_IFLNK: where it leads */
	const void *arg;                              /* for show() and store() */
	const struct file_ops *fops;                  /* S_IFREG: instead of all of these */
};

/* ---- machine.c ---- */
proc_show_fn proc_show_stat, proc_show_uptime, proc_show_loadavg, proc_show_meminfo,
	proc_show_vmstat;
proc_show_fn proc_show_cpuinfo, proc_show_interrupts;

#define PROC_FILE(nm, fn)                                          \
	{                                                          \
		.name = (nm), .mode = S_IFREG | 0444, .show = (fn) \
	}
#define PROC_WRITABLE(nm, fn, write)                                                 \
	{                                                                            \
		.name = (nm), .mode = S_IFREG | 0644, .show = (fn), .store = (write) \
	}
/* A directory of the entries in an array, and one of a proc_dir. */
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
/* Make a dentry below `dir` for this entry. Takes a reference of its own to `pid`. ERR_PTR. */
struct dentry *proc_make(struct dentry *dir, const struct qname *name, const struct proc_entry *e,
			 struct pid *pid, u32 fd);
/* Parse a name that is a number without leading zeroes. */
bool proc_number(const struct qname *name, u32 *n);
/* The task of a node, with a reference; NULL: gone. */
struct task *proc_task(const struct proc_node *node);
/* Whether current may see the private data of a process: ptrace(2), "Ptrace access mode checking".
 * Checked at each read: an exec may have changed the process's owner since open. */
bool proc_may_look(struct task *p);

static inline u64 ticks(u64 ns)
{
	return ns / (NSEC_PER_SEC / USER_HZ);
}

/* ---- pid_dir.c, links.c ---- */
extern const struct proc_dir proc_pid_dir; /* /proc/PID */
extern const struct proc_dir proc_fd_dir;
/* Look a name up in a directory of procfs. Takes the reference to it. ERR_PTR. */
struct dentry *proc_step(struct dentry *dir, const char *fmt, int n);
/* self and thread-self; exe and fd/N; cwd, or root if the entry has an argument */
proc_readlink_fn proc_self_readlink, proc_thread_self_readlink, proc_file_readlink,
	proc_place_readlink;
proc_jump_fn proc_self_jump, proc_thread_self_jump, proc_file_jump, proc_place_jump;

extern const struct file_ops proc_mem_ops; /* mem.c */

/* ---- maps.c ---- */
int proc_show_maps(struct seq *s, struct mm *mm);
int proc_show_smaps(struct seq *s, struct mm *mm);

/* ---- oom_score.c ---- */
char *proc_trim(char *text); /* strip blanks and the end of the line */
proc_show_fn proc_show_oom_score, proc_show_oom_score_adj, proc_show_oom_adj;
proc_store_fn proc_store_oom_score_adj, proc_store_oom_adj;

/* ---- status.c ---- */
proc_show_fn proc_show_pid_stat, proc_show_status, proc_show_statm;

/* ---- system.c ---- */
extern const struct proc_dir proc_root_dir;
extern const struct proc_dir proc_sys_dir; /* sysctl.c */
proc_show_fn proc_show_mounts, proc_show_mountinfo;
