/*
 * struct io: the memory that a read fills or a write empties, in one or many segments, of a program
 * or of the kernel itself.
 */
#pragma once

#include "kernel/lib/types.h"

#ifdef HOST_TEST
#include <sys/uio.h>
#else
#include "kernel/uapi.h"
#endif

struct io {
	const struct iovec *iov; /* the current segment */
	size_t skip;             /* bytes of it already used */
	size_t left;             /* bytes in all */
	bool kernel;             /* iov_base are kernel addresses */
};

void io_init_kernel(struct io *io, struct iovec *one, void *buf, size_t n);
static inline void io_init_user(struct io *io, struct iovec *one, void __user *buf, size_t n)
{
	one->iov_base = buf;
	one->iov_len = n;
	*io = (struct io){.iov = one, .left = n};
}
/* Each returns how many bytes it moved: fewer than n (or what is left) means a bad address. */
size_t io_fetch(struct io *io, void *dst, size_t n);       /* from the caller */
size_t io_store(struct io *io, const void *src, size_t n); /* to the caller */
size_t io_zero(struct io *io, size_t n);
size_t io_skip(struct io *io, size_t n);
