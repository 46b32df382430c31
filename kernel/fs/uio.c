/* Moving bytes between the kernel and its caller: see uio.h. */
#include "kernel/fs/vfs.h"

enum io_op {
	IO_FETCH,
	IO_STORE,
	IO_ZERO
};

/* Returns the bytes not moved. */
static inline size_t io_segment(const struct uio *io, enum io_op op, void *buf, size_t n)
{
	void *mem = (void *)io->at;

	if (!io->kernel)
		return op == IO_FETCH   ? copy_from_user(buf, mem, n)
		       : op == IO_STORE ? copy_to_user(mem, buf, n)
					: clear_user(mem, n);
	if (op == IO_FETCH)
		memcpy(buf, mem, n);
	else if (op == IO_STORE)
		memcpy(mem, buf, n);
	else
		memset(mem, 0, n);
	return 0;
}

/* Move within the current segment. Returns the bytes moved. */
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
		/* integer arithmetic, for buf may be NULL */
		moved = io_piece(io, op, (void *)((u64)buf + done), part);
		done += moved;
		if (unlikely(moved < part))
			break;
	}
	return done;
}

/* One segment is the usual case. */
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
