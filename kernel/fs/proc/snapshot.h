/* A snapshot of a task, for the files that show much of it. */
#pragma once

#include "kernel/fs/proc/proc.h"
#include "mm/mm.h"

/* A copy of the task's data, taken under the locks at once. */
struct look {
	struct task *task; /* a reference */
	struct mm *mm;     /* a reference, or NULL */
	char comm[TASK_COMM_LEN];
	char state;
	bool kthread;
	pid_t pid, tgid, ppid, tracer, pgrp, session, tpgid;
	u32 tty;
	int threads, prio, nice, policy, rt_priority, exit_signal, exit_code;
	u32 cpu;
	struct usage used, children; /* of the thread or process; of its reaped children */
	u64 voluntary, forced;       /* switches of the thread */
	u64 start;
	sigset_t64 pending, shared, blocked, ignored, caught;
	struct mm_rss rss;
	u64 rss_limit;
	u32 fd_room;
	bool has_umask;
	mode_t umask;
	bool no_new_privs;
	int seccomp; /* SECCOMP_MODE_* */
	u32 nr_filters;
	struct cred *cred; /* a reference */
};

/* 0 or -ESRCH; ends with look_end(). */
int look_begin(struct look *l, const struct proc_node *node);
void look_end(struct look *l);
