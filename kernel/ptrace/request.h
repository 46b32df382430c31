/* Inside kernel/ptrace/: what sys_ptrace() calls. */
#pragma once

#include "kernel/ptrace/ptrace.h"

/* Begin to trace p, to which the caller has a reference. 0, -EPERM or -ERESTARTNOINTR. */
long ptrace_attach(struct task *p, u32 flags, u32 options);
long ptrace_traceme(void);
long ptrace_detach(struct task *p, int sig); /* p is stopped */
