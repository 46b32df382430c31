/* Copying structures that system calls take. */
#include "arch/x86_64/arch.h"
#include "kernel/lib/string.h"
#include "kernel/lib/syscall.h"

int check_zeroed(const char __user *from, size_t n)
{
	while (n > 0) {
		char buf[128];
		size_t chunk = MIN(n, sizeof(buf));

		if (copy_from_user(buf, from, chunk))
			return -EFAULT;
		for (size_t i = 0; i < chunk; i++)
			if (buf[i])
				return -E2BIG;
		from += chunk;
		n -= chunk;
	}
	return 0;
}

int copy_struct_from_user(void *to, size_t size, const void __user *from, size_t usize)
{
	size_t known = MIN(size, usize);
	int err = check_zeroed((const char __user *)from + known, usize - known);

	if (err)
		return err;
	memset((char *)to + known, 0, size - known);
	return copy_from_user(to, from, known) ? -EFAULT : 0;
}
