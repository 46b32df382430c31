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
	u64 at;                   /* what is left of the current segment */
	size_t segment;           /* its bytes */
	size_t left;              /* bytes in all */
	const struct iovec *next; /* the segments after it */
	bool kernel;              /* their addresses are the kernel's */
};

static inline void io_init_kernel(struct io *io, void *buf, size_t n)
{
	*io = (struct io){.at = (u64)buf, .segment = n, .left = n, .kernel = true};
}
static inline void io_init_user(struct io *io, void __user *buf, size_t n)
{
	*io = (struct io){.at = (u64)buf, .segment = n, .left = n};
}
/* Each returns how many bytes it moved: fewer than n (or what is left) means a bad address. */
size_t io_fetch(struct io *io, void *dst, size_t n);       /* from the caller */
size_t io_store(struct io *io, const void *src, size_t n); /* to the caller */
size_t io_zero(struct io *io, size_t n);
size_t io_skip(struct io *io, size_t n);
