/* Resource usage as getrusage(2) and wait4(2) report it. */
#pragma once

#include "kernel/uapi.h"

/* Times in ns. 0 or -EFAULT. */
int put_rusage_times(struct rusage __user *ru, u64 utime, u64 stime, u64 min_flt);
