/* Waiting for children: wait.c. */
#pragma once

#include "kernel/lib/types.h"
#include "kernel/pid.h"
#include "kernel/time/usage.h"

/* wait4(2)/waitid(2) for kernel callers too: for the child `nr` (PIDTYPE_PID), for one of the group
 * `nr` (PIDTYPE_PGID) or for any (PIDTYPE_MAX). Returns pid, 0 (WNOHANG) or -errno. */
struct wait_result {
	pid_t pid;
	int status; /* wait4's word */
	int code;   /* CLD_* */
	uid_t uid;
	struct usage usage; /* of the child and its reaped children */
};
long do_wait(enum pid_type type, pid_t nr, int options, struct wait_result *out);
/* The CLD_* of a task that ended with this wait status. */
int exit_cld_code(int status);
