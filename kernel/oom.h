/* Which process dies when memory is short: oom.c. */
#pragma once

#include "kernel/lib/types.h"

struct task;

#define OOM_SCORE_ADJ_MIN (-1000)
#define OOM_SCORE_ADJ_MAX 1000
/* What /proc/PID/oom_score shows; caller holds tasklist_lock. */
u64 oom_score(const struct task *leader);
