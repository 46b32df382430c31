/* Resource usage as getrusage(2) and wait4(2) report it. */
#pragma once

#include "kernel/lib/uapi.h"

struct usage;

/* 0 or -EFAULT. */
int put_rusage(struct rusage __user *ru, const struct usage *used);
