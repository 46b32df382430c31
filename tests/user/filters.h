/* For the programs about seccomp(2): short filters, and the calls that set them. */
#pragma once

#include "check.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>

#define LOAD(field)   BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define RETURN(value) BPF_STMT(BPF_RET | BPF_K, value)
/* Return `value` if the call has this number. */
#define IF_CALL(nr, value) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1), RETURN(value)
#define FILTER(name, ...)                                 \
	struct sock_filter name##_prog[] = {__VA_ARGS__}; \
	struct sock_fprog name = {sizeof(name##_prog) / sizeof(name##_prog[0]), name##_prog}

static long seccomp(unsigned int op, unsigned int flags, void *args)
{
	return syscall(SYS_seccomp, op, flags, args);
}

__attribute__((unused)) static void no_new_privs(void)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		say("no_new_privs: %s", error_name(errno));
}

/* Set a filter that does `value` for the call `nr` and allows the others. */
__attribute__((unused)) static long set_filter(long nr, unsigned int value, unsigned int flags)
{
	FILTER(filter, LOAD(nr), IF_CALL((unsigned int)nr, value), RETURN(SECCOMP_RET_ALLOW));

	return seccomp(SECCOMP_SET_MODE_FILTER, flags, &filter);
}
