/* Access to user memory. Each function checks that the range lies below TASK_SIZE; at a bad address
 * the exception table makes it return an error. May sleep (a page fault takes the mm's lock): never
 * call them under a spinlock. */
#pragma once

#include "kernel/lib/types.h"

/* Return the number of bytes that could not be copied: 0 is success. */
size_t __must_check copy_from_user(void *dst, const void __user *src, size_t n);
size_t __must_check copy_to_user(void __user *dst, const void *src, size_t n);
size_t __must_check clear_user(void __user *dst, size_t n);
/* Copy a string of at most n bytes with its NUL. Returns its length without the NUL, n if there was
 * no NUL within n bytes, or -EFAULT. */
long __must_check strncpy_from_user(char *dst, const char __user *src, size_t n);

/* 0 or -EFAULT. */
#define put_user(val, uptr)                                            \
	({                                                             \
		typeof(*(uptr)) __v = (val);                           \
		copy_to_user((uptr), &__v, sizeof(__v)) ? -EFAULT : 0; \
	})
#define get_user(var, uptr)                                                        \
	({                                                                         \
		__auto_type __v = (typeof(*(uptr)))0;                              \
		int __r = copy_from_user(&__v, (uptr), sizeof(__v)) ? -EFAULT : 0; \
		(var) = __r ? (typeof(*(uptr)))0 : __v;                            \
		__r;                                                               \
	})
