/* Prototypes of every system call, and the table that describes them. */
#pragma once

#include "kernel/signal.h"
#include "kernel/lib/types.h"
#include "kernel/uapi.h"

#define SYSCALL(nr, name, ...) long sys_##name(__VA_ARGS__);
#include "kernel/sys/syscalls.def"
#undef SYSCALL

extern const struct new_utsname utsname; /* what uname(2) tells */

struct syscall_info {
	const char *name;
	const char *args; /* "int fd, void __user *buf, size_t count" */
};
#define NR_SYSCALLS 512

/* NULL when there is no such call. */
const struct syscall_info *syscall_info(unsigned long nr);
/* By name, or -1. */
int syscall_number(const char *name);
/* From the entry code, interrupts on. */
long do_syscall(struct pt_regs *regs, unsigned long nr);
/* Calls answered with -ENOSYS because they are absent: fn(number, how often) for each that was
 * called. */
void unimplemented_foreach(void (*fn)(unsigned long nr, u64 count, void *), void *arg);
