/* Prototypes of every system call, and the table that describes them. */
#pragma once

#include "kernel/lib/types.h"
#include "kernel/lib/uapi.h"

struct epoll_event;
struct k_sigaction;
struct mmsghdr;
struct msghdr;
struct perf_event_attr;
struct pt_regs;
struct rseq;
struct statx;
typedef u64 sigset_t64;

#define SYSCALL(nr, name, ...) long sys_##name(__VA_ARGS__);
#include "kernel/sys/syscalls.def"
#undef SYSCALL

struct syscall_info {
	const char *name;
	const char *args; /* "int fd, void __user *buf, size_t count" */
};
#define NR_SYSCALLS 512
/* What an argument is declared as. */
enum syscall_arg {
	ARG_NONE, /* there are fewer */
	ARG_NUMBER,
	ARG_POINTER,
	ARG_STRING, /* const char __user * */
};
#define SYSCALL_ARGS 6

/* NULL when there is no such call. */
const struct syscall_info *syscall_info(unsigned long nr);
/* The arguments of a call. Returns how many it has; 0 if there is no such call. */
int syscall_args(unsigned long nr, enum syscall_arg args[SYSCALL_ARGS]);
/* What the call refuses or lacks; NULL: nothing. */
const char *syscall_missing(unsigned long nr);
/* Linux's name for a number, even if the call is absent here; "?": it has none. */
const char *syscall_name(unsigned long nr);
/* By name, or -1. */
int syscall_number(const char *name);
/* By number, for the entry code. All absent calls are one function, which records them. A handler
 * declares only the arguments it takes; the calling convention lets the caller pass all six. */
typedef long (*syscall_fn)(u64, u64, u64, u64, u64, u64);
extern const syscall_fn syscall_handlers[NR_SYSCALLS];
/* For numbers beyond the table, and for all calls while they are traced. Interrupts are on. */
long do_syscall(struct pt_regs *regs, unsigned long nr);
/* Copy a structure that grows: the caller has `usize` bytes, the kernel knows `size`. What the
 * caller lacks is 0; what the kernel does not know must be 0, else -E2BIG. 0 or -EFAULT. */
int copy_struct_from_user(void *to, size_t size, const void __user *from, size_t usize);
int check_zeroed(const char __user *from, size_t n); /* 0, -E2BIG or -EFAULT */
/* fn(number, how often) for each call that was answered with -ENOSYS because it is absent. */
void unimplemented_foreach(void (*fn)(unsigned long nr, u64 count, void *), void *arg);
