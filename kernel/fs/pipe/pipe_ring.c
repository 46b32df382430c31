/* The buffer of a pipe: see pipe_ring.h. */
#include "kernel/fs/pipe/pipe_ring.h"

#include "kernel/lib/string.h"
#include "mm/slab.h"

#ifdef HOST_TEST
#include <asm/errno.h>
#else
#include "kernel/lib/uapi.h"
#endif
#include <linux/limits.h>

void ring_init(struct ring *r, u32 nr_slots)
{
	memset(r, 0, sizeof(*r));
	r->nr_slots = nr_slots;
	r->slots = r->few;
}

static char *new_page(void)
{
	struct page *page = alloc_page(0);

	return page ? page_to_virt(page) : NULL;
}

static void drop_pages(char **slots, u32 n)
{
	for (u32 i = 0; i < n; i++) {
		if (slots[i])
			put_page(virt_to_page(slots[i]));
		slots[i] = NULL;
	}
}

void ring_clear(struct ring *r)
{
	WRITE_ONCE(r->tail, r->head);
	drop_pages(r->slots, r->nr_slots);
}

void ring_free(struct ring *r)
{
	drop_pages(r->slots, r->nr_slots);
	if (r->slots != r->few)
		kfree(r->slots);
}

static inline char **slot_of(const struct ring *r, u64 pos)
{
	return &r->slots[(pos >> PAGE_SHIFT) & (r->nr_slots - 1)];
}

static inline size_t offset_of(u64 pos)
{
	return pos & ~PAGE_MASK;
}

static inline char *byte_at(const struct ring *r, u64 pos)
{
	return *slot_of(r, pos) + offset_of(pos);
}

/* The page of `pos` was read to its end: drop it. In a nearly full ring it is also the page being
 * written; in an empty ring it becomes the next one to write. */
static void drop_front(struct ring *r, u64 pos)
{
	char **slot = slot_of(r, pos), **next = slot_of(r, r->head);

	if (next == slot)
		return;
	if (r->head == r->tail && !*next)
		*next = *slot;
	else
		put_page(virt_to_page(*slot));
	*slot = NULL;
}

/* Move up to n bytes out of the tail's page. Returns their number. */
static inline size_t take_piece(struct ring *r, struct uio *io, size_t n)
{
	u64 pos = r->tail;
	size_t got = uio_store(io, byte_at(r, pos), n);

	WRITE_ONCE(r->tail, pos + got);
	if (unlikely(!offset_of(pos + got) && got))
		drop_front(r, pos);
	return got;
}

static noinline ssize_t take_pieces(struct ring *r, struct uio *io)
{
	ssize_t done = 0;

	while (io->left && r->head != r->tail) {
		size_t n = MIN(MIN(io->left, r->head - r->tail), PAGE_SIZE - offset_of(r->tail));
		size_t got = take_piece(r, io, n);

		done += (ssize_t)got;
		if (got < n)
			return done ? done : -EFAULT;
	}
	return done;
}

/* A write of PIPE_BUF bytes or fewer is stored whole or not at all. */
static noinline ssize_t put_pieces(struct ring *r, struct uio *io, size_t n)
{
	u64 pos = r->head, end = pos + n;
	ssize_t err = 0;

	while (pos < end && !err) {
		size_t part = MIN(end - pos, PAGE_SIZE - offset_of(pos)), got;
		char **slot = slot_of(r, pos);

		if (!*slot && !(*slot = new_page())) {
			err = -ENOMEM;
			break;
		}
		got = uio_fetch(io, byte_at(r, pos), part);
		pos += got;
		if (got < part)
			err = -EFAULT;
	}
	if (err && (n <= PIPE_BUF || pos == r->head))
		return err;
	n = pos - r->head;
	WRITE_ONCE(r->head, pos);
	return (ssize_t)n;
}

/* Usually the bytes are few and lie in one page. */
ssize_t ring_take(struct ring *r, struct uio *io)
{
	size_t n = MIN(io->left, r->head - r->tail), got;

	if (unlikely(!n || offset_of(r->tail) + n > PAGE_SIZE))
		return take_pieces(r, io);
	got = take_piece(r, io, n);
	return got ? (ssize_t)got : -EFAULT;
}

ssize_t ring_put(struct ring *r, struct uio *io, size_t n)
{
	if (unlikely(offset_of(r->head) + n > PAGE_SIZE || !*slot_of(r, r->head)))
		return put_pieces(r, io, n);
	if (unlikely(uio_fetch(io, byte_at(r, r->head), n) < n))
		return -EFAULT;
	WRITE_ONCE(r->head, r->head + n);
	return (ssize_t)n;
}

/* Copy the contents to the same positions: the old first and last bytes may share a page. */
static bool copy_contents(struct ring *to, const struct ring *from)
{
	for (u64 pos = from->tail; pos < from->head;) {
		size_t n = MIN(from->head - pos, PAGE_SIZE - offset_of(pos));
		char **slot = slot_of(to, pos);

		if (!*slot && !(*slot = new_page()))
			return false;
		memcpy(byte_at(to, pos), byte_at(from, pos), n);
		pos += n;
	}
	return true;
}

int ring_resize(struct ring *r, u32 nr)
{
	struct ring fresh = {.head = r->head, .tail = r->tail, .nr_slots = nr};

	if (ring_used(r) > nr * PAGE_SIZE)
		return -EBUSY;
	fresh.slots = kzalloc(nr * sizeof(*fresh.slots));
	if (!fresh.slots)
		return -ENOMEM;
	if (!copy_contents(&fresh, r)) {
		ring_free(&fresh);
		return -ENOMEM;
	}
	ring_free(r);
	r->slots = fresh.slots;
	WRITE_ONCE(r->nr_slots, nr);
	return 0;
}
