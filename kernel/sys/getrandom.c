/* getrandom(2), over kernel/lib/random.c. */
#include "kernel/lib/random.h"
#include "kernel/lib/string.h"
#include "kernel/lib/syscall.h"
#include "kernel/task.h"
#include <linux/random.h>

/* The generator is seeded at boot: no call waits for it, whatever the flags. */
long sys_getrandom(void __user *buf, size_t count, unsigned int flags)
{
	char chunk[RANDOM_CHUNK];
	size_t done = 0;

	if (flags & ~(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE))
		return -EINVAL;
	if ((flags & (GRND_RANDOM | GRND_INSECURE)) == (GRND_RANDOM | GRND_INSECURE))
		return -EINVAL;
	count = MIN(count, 0x7fffffffUL);
	while (done < count) {
		size_t n = MIN(count - done, sizeof(chunk)), left;

		random_bytes(chunk, n);
		left = copy_to_user((char __user *)buf + done, chunk, n);
		done += n - left;
		if (left || (done % PAGE_SIZE == 0 && signal_pending(current)))
			break;
	}
	memset(chunk, 0, sizeof(chunk));
	return done || !count ? (long)done : -EFAULT;
}
