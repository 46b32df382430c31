/* Moving bytes between the kernel and whoever called it: see io.h. */
#include "kernel/fs/vfs.h"

void io_init_kernel(struct io *io, struct iovec *one, void *buf, size_t n)
{
	one->iov_base = buf;
	one->iov_len = n;
	*io = (struct io){.iov = one, .left = n, .kernel = true};
}

enum io_op {
	IO_FETCH,
	IO_STORE,
	IO_ZERO,
	IO_SKIP
};

/* Bytes not moved. */
static inline size_t io_segment(const struct io *io, enum io_op op, char *mem, void *buf, size_t n)
{
	switch (op) {
	case IO_FETCH:
		if (!io->kernel)
			return copy_from_user(buf, mem, n);
		memcpy(buf, mem, n);
		return 0;
	case IO_STORE:
		if (!io->kernel)
			return copy_to_user(mem, buf, n);
		memcpy(mem, buf, n);
		return 0;
	case IO_ZERO:
		if (!io->kernel)
			return clear_user(mem, n);
		memset(mem, 0, n);
		return 0;
	default:
		return 0;
	}
}

static inline void io_advance(struct io *io, size_t n)
{
	io->skip += n;
	io->left -= n;
	if (io->skip == io->iov->iov_len) {
		io->iov++;
		io->skip = 0;
	}
}

/* Numbers: either may be NULL, from which a pointer must not move. */
static inline void *at(void *base, size_t n)
{
	return (void *)((u64)base + n);
}

/* One segment at a time; most often there is but one. */
static inline size_t io_move(struct io *io, enum io_op op, void *buf, size_t n)
{
	size_t done = 0;

	n = MIN(n, io->left);
	while (done < n) {
		size_t part = MIN(n - done, io->iov->iov_len - io->skip), failed;

		failed = part ? io_segment(io, op, at(io->iov->iov_base, io->skip), at(buf, done),
					   part)
			      : 0;
		io_advance(io, part - failed);
		done += part - failed;
		if (unlikely(failed))
			break;
	}
	return done;
}

size_t io_fetch(struct io *io, void *dst, size_t n)
{
	return io_move(io, IO_FETCH, dst, n);
}

size_t io_store(struct io *io, const void *src, size_t n)
{
	return io_move(io, IO_STORE, (void *)src, n);
}

size_t io_zero(struct io *io, size_t n)
{
	return io_move(io, IO_ZERO, NULL, n);
}

size_t io_skip(struct io *io, size_t n)
{
	return io_move(io, IO_SKIP, NULL, n);
}
