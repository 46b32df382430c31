/* The buffer of a pipe: see pipe_ring.h. */
#include "kernel/fs/pipe_ring.h"

#include "kernel/lib/string.h"
#include "mm/slab.h"

#ifdef HOST_TEST
#include <asm/errno.h>
#else
#include "kernel/uapi.h"
#endif

void ring_init(struct ring *r)
{
	memset(r, 0, sizeof(*r));
	r->nr_slots = RING_SLOTS;
	r->slots = r->few;
}

static void drop_pages(struct page **slots, u32 n)
{
	for (u32 i = 0; i < n; i++) {
		if (slots[i])
			put_page(slots[i]);
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

static struct page **slot_of(const struct ring *r, u64 pos)
{
	return &r->slots[(pos >> PAGE_SHIFT) & (r->nr_slots - 1)];
}

static char *byte_at(const struct ring *r, u64 pos)
{
	return (char *)page_to_virt(*slot_of(r, pos)) + (pos & ~PAGE_MASK);
}

/* The page of `pos` was read to its end. In a ring that is nearly full it is the page being written
 * too; else, if all has been read, the next to be written may have it. */
static void drop_front(struct ring *r, u64 pos)
{
	struct page **slot = slot_of(r, pos), **next = slot_of(r, r->head);

	if (next == slot)
		return;
	if (r->head == r->tail && !*next)
		*next = *slot;
	else
		put_page(*slot);
	*slot = NULL;
}

ssize_t ring_take(struct ring *r, struct io *io)
{
	ssize_t done = 0;

	while (io->left && r->head != r->tail) {
		u64 pos = r->tail;
		size_t n = MIN(MIN(io->left, r->head - pos), PAGE_SIZE - (pos & ~PAGE_MASK));
		size_t got = io_store(io, byte_at(r, pos), n);

		WRITE_ONCE(r->tail, pos + got);
		if (got && !(r->tail & ~PAGE_MASK))
			drop_front(r, pos);
		done += (ssize_t)got;
		if (got < n)
			return done ? done : -EFAULT;
	}
	return done;
}

ssize_t ring_put(struct ring *r, struct io *io, size_t n)
{
	ssize_t done = 0;

	while (n) {
		struct page **slot = slot_of(r, r->head);
		size_t part = MIN(n, PAGE_SIZE - (r->head & ~PAGE_MASK)), got;

		if (!*slot && !(*slot = alloc_page(0)))
			return done ? done : -ENOMEM;
		got = io_fetch(io, byte_at(r, r->head), part);
		WRITE_ONCE(r->head, r->head + got);
		n -= got;
		done += (ssize_t)got;
		if (got < part)
			return done ? done : -EFAULT;
	}
	return done;
}

/* Copy what is inside, byte for byte at the same positions: in the old ring the first and the last
 * bytes may share a page. */
static bool copy_contents(struct ring *to, const struct ring *from)
{
	for (u64 pos = from->tail; pos < from->head;) {
		size_t n = MIN(from->head - pos, PAGE_SIZE - (pos & ~PAGE_MASK));
		struct page **slot = slot_of(to, pos);

		if (!*slot && !(*slot = alloc_page(0)))
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
