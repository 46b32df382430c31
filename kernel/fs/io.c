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

/* One piece of one segment; how much of it was moved. */
static inline size_t io_piece(struct io *io, enum io_op op, void *buf, size_t n)
{
	size_t moved = n - io_segment(io, op, at(io->iov->iov_base, io->skip), buf, n);

	io_advance(io, moved);
	return moved;
}

static noinline size_t io_pieces(struct io *io, enum io_op op, void *buf, size_t n)
{
	size_t done = 0;

	while (done < n) {
		size_t part = MIN(n - done, io->iov->iov_len - io->skip);
		size_t moved = io_piece(io, op, at(buf, done), part);

		done += moved;
		if (unlikely(moved < part))
			break;
	}
	return done;
}

/* Most often there is but one. */
static inline size_t io_move(struct io *io, enum io_op op, void *buf, size_t n)
{
	n = MIN(n, io->left);
	if (likely(n && n <= io->iov->iov_len - io->skip))
		return io_piece(io, op, buf, n);
	return io_pieces(io, op, buf, n);
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
