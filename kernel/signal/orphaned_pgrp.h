/* Process groups that no shell can continue: orphaned_pgrp.c. */
#pragma once

#include "kernel/lib/types.h"

struct task;

bool is_current_pgrp_orphaned(void);
/* `p` exits (`parent` is NULL) or loses `parent`. If that orphans its group, stopped members would
 * stay stopped for ever: POSIX gives them SIGHUP and SIGCONT. True when the group was walked. The
 * caller holds tasklist_lock. */
bool kill_orphaned_pgrp(struct task *p, struct task *parent);
