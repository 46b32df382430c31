/* Who a task acts for after an exec. */
#pragma once

#include "kernel/lib/types.h"

struct cred;
struct file;

struct exec_creds {
	struct cred *cred; /* a reference */
	u32 personality;
	bool secure; /* more or other rights than its caller's: AT_SECURE */
};

/* By the program's file. 0 or -ENOMEM. */
int exec_creds_prepare(struct exec_creds *c, struct file *f);
void exec_creds_commit(struct exec_creds *c); /* takes over the reference */
