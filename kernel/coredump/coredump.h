/* Core dumps: core(5). */
#pragma once

#include "kernel/lib/types.h"

struct mm;

void coredump_init(void);

/* kernel.core_pattern: where a dump goes. */
#define CORE_PATTERN_SIZE 128 /* with its NUL */
void core_pattern_get(char pattern[CORE_PATTERN_SIZE]);
void core_pattern_set(const char *pattern); /* is cut if it is too long, as on Linux */
extern s64 core_uses_pid;   /* kernel.core_uses_pid: ".PID" behind a file name without %p */
extern s64 core_pipe_limit; /* kernel.core_pipe_limit: programs that dumps are piped to at once */

/* /proc/PID/coredump_filter: which memory is dumped. */
u32 core_filter_get(const struct mm *mm);
void core_filter_set(struct mm *mm, u32 filter);
