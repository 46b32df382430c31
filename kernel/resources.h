/*
 * What a task has of the layer above: descriptors, a place in the file system, what semaphores are
 * owed, a terminal. fork shares or copies them and exit gives them back; what they are is known in
 * kernel/fs, kernel/ipc and kernel/tty alone.
 */
#pragma once

#include "kernel/lib/scope.h"
#include "kernel/lib/types.h"

struct dentry;
struct files;      /* a table of descriptors, shared by CLONE_FILES */
struct fs_context; /* root, working directory and umask, shared by CLONE_FS */
struct task;

/* ---- kernel/fs/fd_table.c ---- */
#define NOFILE_MAX (1024 * 1024)              /* no RLIMIT_NOFILE goes higher */
struct files *files_clone(struct files *src); /* fork's copy; NULL without memory */
void files_get(struct files *f);
void files_put(struct files *f); /* the last reference closes everything; NULL is allowed */
SCOPED(files_put, struct files *)
u32 files_users(const struct files *f);

/* ---- kernel/fs/fs_context.c ---- */
struct fs_context *fs_context_clone(struct fs_context *src);
void fs_context_put(struct fs_context *fs);
/* The two halves of it, for a task that stops using its own: *where becomes `own`, or NULL. Caller
 * holds the task's lock. True: it was the last use, and is to be freed. */
bool fs_context_leave(struct fs_context **where, struct fs_context *own);
void fs_context_free(struct fs_context *fs);
mode_t fs_context_umask(const struct fs_context *fs);
u32 fs_context_users(const struct fs_context *fs);
/* With references; NULL for what is not asked for. */
void fs_context_read(struct fs_context *fs, struct dentry **root, struct dentry **pwd);
/* clone(2): a user more, or a copy. ERR_PTR: -ENOMEM; -EAGAIN: an exec keeps tasks from joining. */
struct fs_context *fs_context_fork(struct fs_context *fs, bool share);

/* ---- kernel/ipc/semundo.c ---- */
int copy_semundo(u64 flags, struct task *p); /* fork: 0 or -ENOMEM */
void exit_sem(struct task *p);               /* exit, and the undo of copy_semundo() */

/* ---- kernel/tty/job_control.c ---- */
/* A session leader exits or gives its terminal up: free it, and tell the foreground group. */
void tty_disassociate(struct task *leader, bool exits);
