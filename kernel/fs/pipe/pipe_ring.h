/*
 * The buffer of a pipe: a ring of page slots.
 *
 * Positions count all bytes written and read. A slot gets its page with its first byte and loses it
 * with its last. An empty ring keeps the page to write next, so passing single bytes allocates
 * nothing; an unused ring has none. The caller serialises all but ring_used() and ring_room().
 * Compiles on the host: tests/unit/pipe_test.c.
 */
#pragma once

#include "kernel/fs/uio.h"
#include "kernel/lib/types.h"
#include "mm/page.h"

#define RING_SLOTS 16 /* 64 KiB: pipe(7) */

struct ring {
	u64 head, tail; /* bytes written and read: head - tail are inside */
	u32 nr_slots;   /* a power of two */
	char **slots;   /* the pages' addresses: few[], or allocated */
	char *few[RING_SLOTS];
};

/* nr_slots: a power of two, RING_SLOTS at most. */
void ring_init(struct ring *r, u32 nr_slots);
void ring_free(struct ring *r);
/* Drop the contents and their pages. */
void ring_clear(struct ring *r);
/* Move the contents to `io`, as far as it has room. Bytes, or -EFAULT for none. */
ssize_t ring_take(struct ring *r, struct uio *io);
/* Move n bytes from `io`; there is room. Bytes (fewer only if n > PIPE_BUF), -EFAULT or -ENOMEM. */
ssize_t ring_put(struct ring *r, struct uio *io, size_t n);
/* nr_slots: a power of two. 0, -EBUSY (the contents do not fit), -ENOMEM. */
int ring_resize(struct ring *r, u32 nr_slots);

/* Under the lock: bytes inside, and bytes that still fit. */
static inline u64 ring_bytes(const struct ring *r)
{
	return r->head - r->tail;
}
static inline u64 ring_free_bytes(const struct ring *r)
{
	return (u64)r->nr_slots * PAGE_SIZE - ring_bytes(r);
}

/* Without the lock. The tail is read first, so that the difference is never negative. */
static inline u64 ring_used(const struct ring *r)
{
	u64 tail = READ_ONCE(r->tail);

	return READ_ONCE(r->head) - tail;
}
static inline u64 ring_room(const struct ring *r)
{
	u64 size = READ_ONCE(r->nr_slots) * PAGE_SIZE, used = ring_used(r);

	return size > used ? size - used : 0;
}
