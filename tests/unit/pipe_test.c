/* The buffer of a pipe against a naive queue of bytes: random reads, writes and changes of size,
 * with failing memory. */
#include "tests/unit/mm_host.h"

#include "kernel/fs/pipe/pipe_ring.c"

#define MODEL (2UL << 20)

HOST_STUB void *kzalloc(size_t size)
{
	void *p = kmalloc(size);

	return p ? memset(p, 0, size) : NULL;
}

static struct ring r;
static u8 model[MODEL]; /* a queue that is moved down as it is read */
static size_t model_len;
static u8 next_byte;
static size_t bad_address_after; /* bytes that are copied before the fault */

static u8 user[1 << 20];

size_t uio_store(struct uio *io, const void *src, size_t n)
{
	n = MIN(n, MIN(io->left, bad_address_after));
	bad_address_after -= n;
	memcpy(user + io->at, src, n);
	io->at += n;
	io->left -= n;
	return n;
}
size_t uio_fetch(struct uio *io, void *dst, size_t n)
{
	n = MIN(n, MIN(io->left, bad_address_after));
	bad_address_after -= n;
	memcpy(dst, user + io->at, n);
	io->at += n;
	io->left -= n;
	return n;
}

static void do_write(size_t n)
{
	struct uio io = {.left = n};
	ssize_t got;

	for (size_t i = 0; i < n; i++)
		user[i] = (u8)(next_byte + i);
	got = ring_put(&r, &io, n);
	if (got > 0) {
		memcpy(model + model_len, user, (size_t)got);
		model_len += (size_t)got;
		next_byte = (u8)(next_byte + got);
	}
	CHECK(got <= (ssize_t)n && got != 0);
	CHECK(got == (ssize_t)n || got < 0 || n > PIPE_BUF); /* whole or not at all */
}

static void do_read(size_t n)
{
	struct uio io = {.left = n};
	size_t limit = bad_address_after;
	ssize_t got = ring_take(&r, &io);
	size_t want = MIN(MIN(n, model_len), limit);

	if (want == 0)
		CHECK(got == (model_len && n ? -EFAULT : 0));
	else
		CHECK_EQ(got, want);
	if (got <= 0)
		return;
	CHECK(memcmp(user, model, (size_t)got) == 0);
	model_len -= (size_t)got;
	memmove(model, model + got, model_len);
}

static void start(void)
{
	ring_init(&r, RING_SLOTS);
	model_len = 0;
	bad_address_after = ~0UL;
}

static void finish(void)
{
	fail_countdown = 0;
	ring_free(&r);
	CHECK_EQ(pages_out, 0);
	CHECK_EQ(objects_out, 0);
}

TEST(an_unused_ring_holds_no_page)
{
	start();
	CHECK_EQ(ring_used(&r), 0);
	CHECK_EQ(ring_room(&r), 65536);
	for (int i = 0; i < RING_SLOTS; i++)
		CHECK(r.slots[i] == NULL);
	finish();
}

/* Single bytes that pass through use one page, which moves on with them. */
TEST(single_bytes_use_one_page)
{
	start();
	for (int i = 0; i < 3 * 65536; i++) {
		int pages = 0;

		do_write(1);
		do_read(1);
		for (int k = 0; k < RING_SLOTS; k++)
			pages += r.slots[k] != NULL;
		if (!CHECK_EQ(pages, 1))
			break;
	}
	finish();
}

/* The difficult case: the first page in the ring is also the last. */
TEST(full_with_an_offset)
{
	start();
	do_write(1000);
	do_read(1000);
	do_write(65536);
	CHECK_EQ(ring_room(&r), 0);
	do_read(4000); /* the first page is read to its end, but its beginning was written again */
	do_read(65536);
	CHECK_EQ(model_len, 0);
	finish();
}

TEST(resize_keeps_the_bytes)
{
	start();
	do_write(5000);
	do_read(4999);
	do_write(65535);
	CHECK_EQ(ring_resize(&r, 8), -EBUSY);
	CHECK_EQ(ring_resize(&r, 64), 0);
	CHECK_EQ(ring_room(&r), 64 * 4096 - 65536);
	do_write(64 * 4096 - 65536);
	do_read(3 * 65536);
	CHECK_EQ(ring_resize(&r, 16), 0);
	CHECK_EQ(ring_room(&r), 0);
	do_read(65536);
	CHECK_EQ(ring_resize(&r, 1), 0);
	do_write(4096);
	do_read(100);
	do_write(100);
	do_read(4096);
	CHECK_EQ(model_len, 0);
	finish();
}

TEST(random_traffic)
{
	static const u32 sizes[] = {1, 2, 16, 16, 16, 32, 64};

	start();
	for (int step = 0; step < 20000; step++) {
		u64 room = ring_room(&r);

		CHECK_EQ(ring_used(&r), model_len);
		fail_countdown = (u32)(host_random_below(30) == 0 ? 1 + host_random_below(20) : 0);
		bad_address_after = host_random_below(10) ? ~0UL : host_random_below(9000);
		switch (host_random_below(9)) {
		case 0 ... 3:
			if (room && bad_address_after)
				do_write(1 + host_random_below(host_random_below(2)
								       ? room
								       : MIN(room, 5000UL)));
			break;
		case 4 ... 7:
			do_read(host_random_below(host_random_below(2) ? 70000 : 5000));
			break;
		default:
			if (host_random_below(20) == 0)
				ring_resize(&r, sizes[host_random_below(ARRAY_SIZE(sizes))]);
		}
	}
	finish();
}
TEST_MAIN
