/* Between pseudo-terminals (pty.c) and the file system of their names (devpts.c). */
#pragma once

#include "kernel/fs/vfs.h"

struct pty;

void pty_get(struct pty *p);
void pty_put(struct pty *p);

/* The root of the devpts that an opening of this ptmx means. With a reference; ERR_PTR. */
struct dentry *devpts_for(struct inode *ptmx, struct dentry *dentry);
/* A name for a new slave: with a reference; ERR_PTR. */
struct dentry *devpts_add(struct dentry *root, struct pty *p, u32 *index, u32 *dev);
void devpts_remove(struct dentry *node);

extern u64 pty_max; /* kernel.pty.max */
extern u64 nr_ptys; /* kernel.pty.nr: atomic */
