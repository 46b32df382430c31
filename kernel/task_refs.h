/* What another task owns, with a reference; NULL: it has none, or none any more. */
#pragma once

#include "kernel/lib/types.h"

struct dentry;
struct files;
struct mm;
struct task;

struct mm *task_get_mm(struct task *t); /* a user reference */
struct files *task_get_files(struct task *t);
/* Root and working directory, with references, and umask; NULL for what is not asked for. False: it
 * has none. */
bool task_read_fs(struct task *t, struct dentry **root, struct dentry **pwd, mode_t *umask);
