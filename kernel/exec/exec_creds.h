/* The credentials of a task after an exec. */
#pragma once

#include "kernel/lib/types.h"

struct cred;
struct file;
struct fs_context;

struct exec_creds {
	struct cred *cred;     /* a reference, until it is committed */
	struct fs_context *fs; /* current's, if no task may join it meanwhile; else NULL */
	u32 personality;
	bool gains;    /* ptrace_exec_end() is to be called */
	bool secure;   /* AT_SECURE: its file asked for other rights, even if it did not get them */
	bool dumpable; /* proc(5): false when the caller may not read the file */
};

/* Choose them by the program's file. 0: call exec_creds_finish() however exec ends. Or -ENOMEM. */
int exec_creds_prepare(struct exec_creds *c, struct file *f);
/* The limit of the new program's stack, in bytes. */
u64 exec_creds_stack_limit(const struct exec_creds *c);
/* current is the only thread of its process, and has its own handlers and the new memory. */
void exec_creds_commit(struct exec_creds *c);
void exec_creds_finish(struct exec_creds *c);
