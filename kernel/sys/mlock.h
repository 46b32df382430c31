/* Locking and faulting in pages: shared by mlock(2), mmap(2) and madvise(2). */
#pragma once

#include "kernel/lib/types.h"

enum populate {
	POPULATE_OWN,   /* as the program would: write to private writable pages */
	POPULATE_READ,  /* read each page */
	POPULATE_WRITE, /* write to each */
};
/* Fault in the pages of [addr, end). 0; -ENOMEM: a hole; -EAGAIN: no memory; -EACCES: access
 * forbidden; -EFAULT: beyond the end of a file; -EINTR. */
long populate(u64 addr, u64 end, enum populate how);
bool may_mlock(void);          /* may current lock memory at all? */
void refresh_lock_limit(void); /* set mm->limit_lock to current's limit */
