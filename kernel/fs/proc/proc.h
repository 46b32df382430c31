/* procfs: files whose names and contents are computed on demand. proc(5). Tables of proc_entry list
 * them. Each look-up makes a new dentry and inode, which are not kept. Only the struct pid in its
 * node ties a file to a process, which may be gone when the file is read: then -ESRCH. */
#pragma once

#include "kernel/fs/seq.h"
#include "kernel/fs/vfs.h"
#include "kernel/signal/sigqueue.h"
#include "kernel/time/timer.h"

struct mm;
struct page;
struct task;
struct tree_entry;
struct proc_entry;

/* Which file an inode is: its private part. */
struct proc_node {
	const struct proc_entry *entry;
	struct pid *pid;     /* its process, a reference; NULL: the system */
	u32 fd;              /* /proc/PID/fd/N; /sys/…/cpuN and what is below it */
	bool thread;         /* below task/: one thread, not the process */
	bool strict;         /* below a strict directory */
	bool closed;         /* of a root, kept_lock: unmounted, nothing is kept any more */
	struct dentry *kept; /* same: the mount point of the file system, a reference; or NULL */
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
	const char *prefix;            /* in front of their numbers; NULL: none */
	bool strict; /* /proc/sys, /sys: a file without store() cannot be opened for writing */
};

typedef int proc_show_fn(struct seq *s, const struct proc_node *node); /* 0 or -errno */
typedef int proc_store_fn(const struct proc_node *node, char *text);   /* same */
typedef ssize_t proc_readlink_fn(struct dentry *link, char *buf);
typedef struct dentry *proc_jump_fn(struct dentry *link);

struct proc_entry {
	const char *name;
	mode_t mode;        /* type and permissions */
	bool mount_point;   /* S_IFDIR: its dentry is kept; at most one in a file system */
	bool guarded;       /* regardless of the mode, needs proc_may_look(); also of directories */
	proc_show_fn *show; /* S_IFREG: write the contents */
	int (*show_mm)(struct seq *s, struct mm *mm);      /* called by show() of pid_dir.c */
	proc_store_fn *store;                              /* S_IFREG: a write */
	const struct proc_dir *dir;                        /* S_IFDIR */
	proc_readlink_fn *readlink;                        /* S_IFLNK: its text for the reader */
	proc_jump_fn *jump;                                /* S_IFLNK: where it leads */
	const void *arg;                                   /* for show() and store() */
	u32 (*poll)(struct seq *s, struct poll_table *pt); /* S_IFREG: NULL: always ready */
	const struct file_ops *fops;                       /* S_IFREG: instead of all of these */
};

/* ---- machine.c ---- */
proc_show_fn proc_show_stat, proc_show_uptime, proc_show_loadavg, proc_show_cpuinfo,
	proc_show_interrupts, proc_show_softirqs;

/* ---- memory.c ---- */
proc_show_fn proc_show_meminfo, proc_show_vmstat, proc_show_buddyinfo, proc_show_slabinfo;

#define PROC_FILE(nm, fn)                                          \
	{                                                          \
		.name = (nm), .mode = S_IFREG | 0444, .show = (fn) \
	}
#define PROC_SECRET(nm, fn)                                        \
	{                                                          \
		.name = (nm), .mode = S_IFREG | 0400, .show = (fn) \
	}
#define PROC_TEXT(nm, text)                                                                 \
	{                                                                                   \
		.name = (nm), .mode = S_IFREG | 0444, .show = proc_show_text, .arg = (text) \
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

proc_show_fn proc_show_text; /* the same text always: system.c */

static inline const struct proc_node *proc_node_of(const struct inode *i)
{
	return i->private;
}
/* Make a dentry below `dir` for this entry. Takes a reference of its own to `pid`. ERR_PTR. */
struct dentry *proc_make(struct dentry *dir, const struct qname *name, const struct proc_entry *e,
			 struct pid *pid, u32 fd);
/* Fill a file system whose root is the directory `root`. 0 or -ENOMEM. */
int proc_fill_with(struct super *s, const struct proc_entry *root);
/* Parse a name that is a number without leading zeroes. */
bool proc_number(const struct qname *name, u32 *n);
/* The task of a node, with a reference; NULL: gone. */
struct task *proc_task(const struct proc_node *node);
/* Whether current may see the private data of a process: ptrace(2), "Ptrace access mode checking".
 * Checked at each read: an exec may have changed the process's owner since open. */
bool proc_may_look(struct task *p);
/* The task of a node, with a reference, if current may trace it; ERR_PTR(-ESRCH or -EPERM). */
struct task *proc_task_to_trace(const struct proc_node *node);

static inline u64 ticks(u64 ns)
{
	return ns / (NSEC_PER_SEC / USER_HZ);
}

/* ---- pid_dir.c, links.c ---- */
extern const struct proc_dir proc_pid_dir; /* /proc/PID */
extern const struct proc_dir proc_fd_dir, proc_fdinfo_dir, proc_attr_dir;
bool proc_fd_next(const struct proc_node *dir, u32 *n);
/* Look a name up in a directory of procfs. Takes the reference to it. ERR_PTR. */
struct dentry *proc_step(struct dentry *dir, const char *fmt, int n);
/* self and thread-self; exe and fd/N; cwd, or root if the entry has an argument */
proc_readlink_fn proc_self_readlink, proc_thread_self_readlink, proc_file_readlink,
	proc_place_readlink;
proc_jump_fn proc_self_jump, proc_thread_self_jump, proc_file_jump, proc_place_jump;

extern const struct file_ops proc_mem_ops, proc_pagemap_ops; /* mem.c, pagemap.c */
s64 proc_mem_lseek(struct file *f, s64 offset, int whence);  /* each address is a position */

/* ---- task_files.c ---- */
proc_show_fn proc_show_personality, proc_show_stack, proc_show_sched, proc_show_io,
	proc_show_children, proc_show_timerslack, proc_show_loginuid, proc_show_sessionid;
proc_store_fn proc_store_timerslack, proc_store_loginuid;

/* ---- maps.c ---- */
int proc_show_maps(struct seq *s, struct mm *mm);
int proc_show_smaps(struct seq *s, struct mm *mm),
	proc_show_smaps_rollup(struct seq *s, struct mm *mm);
/* Table entries that refer to the target; an object's own reference to a page is none. */
u32 proc_mappings_of(const struct tree_entry *e, const struct page *p);

/* ---- oom_score.c ---- */
char *proc_trim(char *text); /* strip blanks and the end of the line */
proc_show_fn proc_show_oom_score, proc_show_oom_score_adj, proc_show_oom_adj;
proc_store_fn proc_store_oom_score_adj, proc_store_oom_adj;

/* ---- status.c ---- */
/* A bitmap of all CPUs, 32 to a word; ranges: "0-2,5". Each is a line. */
void proc_show_cpumap(struct seq *s, const struct cpumask *m);
void proc_show_cpulist(struct seq *s, const struct cpumask *m);
proc_show_fn proc_show_pid_stat, proc_show_status, proc_show_statm;

/* ---- system.c ---- */
extern const struct proc_dir proc_root_dir;
extern const struct proc_dir proc_sys_dir; /* sysctl.c */
proc_show_fn proc_show_mounts, proc_show_mountinfo, proc_show_mountstats;
u32 proc_mounts_poll(struct seq *s, struct poll_table *pt);

/* ---- net.c ---- */
extern const struct proc_dir proc_net_dir, proc_ipv4_dir;
