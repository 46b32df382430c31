/* Moving bytes between the kernel and whoever called it: see uio.h. */
#include "kernel/fs/vfs.h"

enum io_op {
	IO_FETCH,
	IO_STORE,
	IO_ZERO,
	IO_SKIP
};

/* Bytes not moved. */
static inline size_t io_segment(const struct uio *io, enum io_op op, void *buf, size_t n)
{
	void *mem = (void *)io->at;

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

/* A piece of the current segment; how much of it was moved. */
static inline size_t io_piece(struct uio *io, enum io_op op, void *buf, size_t n)
{
	size_t moved = n - io_segment(io, op, buf, n);

	io->at += moved;
	io->segment -= moved;
	io->left -= moved;
	return moved;
}

static noinline size_t io_pieces(struct uio *io, enum io_op op, void *buf, size_t n)
{
	size_t done = 0;

	while (done < n) {
		size_t part = MIN(n - done, io->segment), moved;

		if (!part) {
			io->at = (u64)io->next->iov_base;
			io->segment = io->next->iov_len;
			io->next++;
			continue;
		}
		/* A number: it may be NULL, from which a pointer must not move. */
		moved = io_piece(io, op, (void *)((u64)buf + done), part);
		done += moved;
		if (unlikely(moved < part))
			break;
	}
	return done;
}

/* Most often there is but one. */
static inline size_t io_move(struct uio *io, enum io_op op, void *buf, size_t n)
{
	n = MIN(n, io->left);
	if (likely(n <= io->segment))
		return io_piece(io, op, buf, n);
	return io_pieces(io, op, buf, n);
}

size_t uio_fetch(struct uio *io, void *dst, size_t n)
{
	return io_move(io, IO_FETCH, dst, n);
}

size_t uio_store(struct uio *io, const void *src, size_t n)
{
	return io_move(io, IO_STORE, (void *)src, n);
}

size_t uio_zero(struct uio *io, size_t n)
{
	return io_move(io, IO_ZERO, NULL, n);
}

size_t uio_skip(struct uio *io, size_t n)
{
	return io_move(io, IO_SKIP, NULL, n);
}
