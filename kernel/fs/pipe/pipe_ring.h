/*
 * The buffer of a pipe: a ring of page slots.
 *
 * Positions count bytes ever written and read. A slot gets its page when the first byte goes in and
 * loses it when the last comes out; an empty ring keeps the page it would write to next, so that
 * passing single bytes back and forth allocates nothing, and a ring that was never used holds none.
 * The caller serialises all but ring_used() and ring_room(), which only look. Compiles on the host:
 * tests/unit/pipe_test.c.
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

/* With so many slots: a power of two, RING_SLOTS at most. */
void ring_init(struct ring *r, u32 nr_slots);
void ring_free(struct ring *r);
/* Forget what is inside, and give back the pages. */
void ring_clear(struct ring *r);
/* Move what is inside to `io`, as far as it goes. Bytes; -EFAULT when not even one could be stored.
 */
ssize_t ring_take(struct ring *r, struct uio *io);
/* Move n bytes from `io`, for which there is room. Bytes; -EFAULT or -ENOMEM when not even one got
 * in, or not all of PIPE_BUF bytes or fewer. */
ssize_t ring_put(struct ring *r, struct uio *io, size_t n);
/* A power of two. 0, -EBUSY when more is inside, -ENOMEM. */
int ring_resize(struct ring *r, u32 nr_slots);

/* For who serialises: bytes inside, and how many more would go in. */
static inline u64 ring_bytes(const struct ring *r)
{
	return r->head - r->tail;
}
static inline u64 ring_free_bytes(const struct ring *r)
{
	return (u64)r->nr_slots * PAGE_SIZE - ring_bytes(r);
}

/* For who only looks. The tail is read first: without a lock, data that comes in between must not
 * look like less than nothing. */
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
