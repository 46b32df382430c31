/* The lock that the output devices share: LOCK_CONSOLE. */
#pragma once

#include "kernel/lib/types.h"

/* Returns what console_unlock() wants back. Interrupts are off in between. */
u64 __must_check console_lock(void);
void console_unlock(u64 flags);
