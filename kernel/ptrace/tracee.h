/* What a task knows of its tracer and of the tasks that it traces: ptrace(2). */
#pragma once

#include "kernel/lib/list.h"
#include "kernel/lib/types.h"
#include "kernel/signal/signal.h"

/* task.traced */
enum trace_flags {
	TRACE_ON = 1 << 0,
	TRACE_SEIZED = 1 << 1, /* by PTRACE_SEIZE: no SIGSTOP, and group stops can be listened to */
	TRACE_TRUSTED = 1 << 2, /* the tracer had all privileges: set-id programs may gain theirs */
};

/* Work at the door of each system call: `syscall_work` of a task. */
enum syscall_work {
	SYSCALL_TRACE = 1 << 0,   /* PTRACE_SYSCALL: stop at entry and exit */
	SYSCALL_EMU = 1 << 1,     /* PTRACE_SYSEMU: stop at entry, and do not make the call */
	SYSCALL_STEP = 1 << 2,    /* PTRACE_SINGLESTEP: the call is a step of its own */
	SYSCALL_SECCOMP = 1 << 3, /* the task has filters: seccomp(2) */
};

/* Set when somebody begins to trace the task: until then it holds anything. */
struct tracee {
	u32 options;           /* sh, a word: PTRACE_O_* */
	int code;              /* sh: of its stop, for wait(2): 0 when reported. At its end the
				  signal to go on with */
	struct list_head link; /* tl: in parent->tracees. `parent` changes under tl and sh too */
	u64 message;           /* sh: PTRACE_GETEVENTMSG */
	ksiginfo_t *info;      /* sh: of the signal that it stopped for; NULL: none */
	bool listening;        /* sh: PTRACE_LISTEN: stopped, and wait(2) does not see it */
};
