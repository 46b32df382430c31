/* The checks in front of entry/user_copy.asm. */
#include "arch/x86_64/mm/user_copy.h"

#include "arch/x86_64/mm/pte.h"
#include "kernel/lib/lock.h"
#include "kernel/lib/string.h"
#include "kernel/lib/uapi.h"

size_t user_copy(void *dst, const void *src, size_t n);
size_t user_clear(void *dst, size_t n);
long user_strncpy(char *dst, const char *src, size_t n);

static bool is_user_range(const void __user *p, size_t n)
{
	return n <= TASK_SIZE && (u64)p <= TASK_SIZE - n;
}

size_t copy_from_user(void *dst, const void __user *src, size_t n)
{
	size_t left = n;

	might_sleep();
	if (is_user_range(src, n))
		left = user_copy(dst, src, n);
	if (unlikely(left)) /* the caller must not use old contents of the kernel's stack */
		memset((char *)dst + (n - left), 0, left);
	return left;
}

size_t copy_to_user(void __user *dst, const void *src, size_t n)
{
	might_sleep();
	return is_user_range(dst, n) ? user_copy(dst, src, n) : n;
}

size_t clear_user(void __user *dst, size_t n)
{
	might_sleep();
	return is_user_range(dst, n) ? user_clear(dst, n) : n;
}

long strncpy_from_user(char *dst, const char __user *src, size_t n)
{
	size_t room = (u64)src < TASK_SIZE ? TASK_SIZE - (u64)src : 0;
	long len;

	might_sleep();
	if (n == 0)
		return 0;
	len = room ? user_strncpy(dst, src, n < room ? n : room) : -1;
	/* A string that runs into the end of user space has no end there. */
	if (len < 0 || (room < n && (size_t)len == room))
		return -EFAULT;
	return len;
}
