/* Inside kernel/seccomp/: a filter. */
#pragma once

#include "kernel/seccomp/bpf.h"
#include "kernel/seccomp/seccomp.h"

/* A filter never changes once a task has it. Tasks that have it also have all that are older. */
struct seccomp_filter {
	refcount_t count; /* tasks whose newest one it is, and the filter before it */
	u32 depth;        /* filters in the chain that begins here */
	u32 cost;         /* instructions in that chain, and FILTER_COST for each filter */
	struct seccomp_filter *prev; /* the next older one, a reference; or NULL */
	struct seccomp_filter *jump; /* one that is still older, for a short way: older_filter() */
	struct listener *listener;   /* of SECCOMP_RET_USER_NOTIF, a reference; or NULL */
	struct user *user;           /* charged for it; a reference */
	u32 charge;                  /* of user->filters */
	bool log;                    /* SECCOMP_FILTER_FLAG_LOG */
	bool killable;               /* SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV */
	u32 len;
	struct sock_filter prog[];
};

/* Linux's MAX_INSNS_PER_PATH, and what a filter counts besides its instructions. */
#define CHAIN_COST_MAX 32768
#define FILTER_COST    4

/* What stands for the filters of a task in strict mode. Its depth is 0. */
extern struct seccomp_filter seccomp_strict;
