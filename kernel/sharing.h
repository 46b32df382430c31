/* What tasks share: sharing.c. */
#pragma once

#include "kernel/lib/types.h"

struct cred;
struct dentry;
struct files;
struct mm;
struct task;

/* What another task has, with a reference; NULL: it has none, or none any more. */
struct mm *task_get_mm(struct task *t); /* a user reference */
/* Of p's process: a leader may have exited before its threads. */
struct mm *process_get_mm(struct task *p);
struct files *task_get_files(struct task *t);
struct cred *task_get_cred(struct task *t); /* never NULL */
/* Root and working directory (references) and umask; NULL: not asked for. False: it has none. */
bool task_read_fs(struct task *t, struct dentry **root, struct dentry **pwd, mode_t *umask);
/* current gets a table of descriptors of its own, if it shares one. 0 or -ENOMEM. */
int unshare_files(void);
/* current uses `own`, whose reference it takes over, and drops the table it had. */
void replace_files(struct files *own);
