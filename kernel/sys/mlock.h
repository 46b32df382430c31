/* Pages that are to be there: mlock(2), and what mmap(2) and madvise(2) share with it. */
#pragma once

#include "kernel/lib/types.h"

enum populate {
	POPULATE_OWN,   /* as its owner will: private writable pages are written to */
	POPULATE_READ,  /* read each page */
	POPULATE_WRITE, /* write to each */
};
/* Fault in what is mapped in [addr, end). -ENOMEM over a hole, -EAGAIN without memory, -EACCES
 * where the access is forbidden, -EFAULT beyond the end of a file, -EINTR. */
long populate(u64 addr, u64 end, enum populate how);
bool may_mlock(void);          /* may this task lock anything? */
void refresh_lock_limit(void); /* mm->limit_lock, for what current is about to do */
