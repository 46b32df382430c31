/* Classic BPF as seccomp(2) uses it: a program reads a struct seccomp_data and returns a number. */
#pragma once

#include "kernel/lib/uapi.h"

#include <linux/filter.h>
#include <linux/seccomp.h>

/* Check that the `n` instructions (1 … BPF_MAXINSNS) are ones that seccomp(2) allows, that every
 * way through them ends with a return, and that they read only what they have stored. `stored` is
 * room for `n` words. 0 or -EINVAL. */
int bpf_check(const struct sock_filter *prog, size_t n, u16 *stored);

/* Run a checked program: at most as many steps as it has instructions. */
u32 bpf_run(const struct sock_filter *prog, const struct seccomp_data *data);
