/* struct uio: segments of user or kernel memory that a read fills or a write empties. */
#pragma once

#include "kernel/lib/types.h"

#ifdef HOST_TEST
#include <sys/uio.h>
#else
#include "kernel/lib/uapi.h"
#endif

struct uio {
	u64 at;                   /* the rest of the current segment */
	size_t segment;           /* its bytes */
	size_t left;              /* bytes in all */
	const struct iovec *next; /* the segments behind it */
	bool kernel;              /* their addresses are the kernel's */
};

static inline void uio_init_kernel(struct uio *io, void *buf, size_t n)
{
	*io = (struct uio){.at = (u64)buf, .segment = n, .left = n, .kernel = true};
}
static inline void uio_init_user(struct uio *io, void __user *buf, size_t n)
{
	*io = (struct uio){.at = (u64)buf, .segment = n, .left = n};
}
/* Return the bytes moved: fewer than n (or what is left) means a bad address. */
size_t uio_fetch(struct uio *io, void *dst, size_t n);       /* from the caller */
size_t uio_store(struct uio *io, const void *src, size_t n); /* to the caller */
size_t uio_zero(struct uio *io, size_t n);
