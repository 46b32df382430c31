/* The kernel's access to an address space, which need not be loaded: for exec, /proc and the shell.
 */
#include "kernel/lib/string.h"
#include "mm/mm.h"

size_t mm_access(struct mm *mm, u64 addr, void *buf, size_t len, bool write)
{
	size_t done = 0;

	while (done < len) {
		size_t n = MIN(len - done, PAGE_SIZE - addr % PAGE_SIZE);
		void *at;

		guard_mutex(&mm->lock);
		if (mm_fault_locked(mm, addr, write ? ACCESS_WRITE : ACCESS_READ, &at) != FAULT_OK)
			break;
		if (write)
			memcpy(at, (char *)buf + done, n);
		else
			memcpy((char *)buf + done, at, n);
		done += n;
		addr += n;
	}
	return done;
}
