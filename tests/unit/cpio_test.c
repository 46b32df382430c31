/*
 * The cpio parser, on valid archives and on damaged ones. Each archive lies in an allocation of
 * exactly its size, so that the address sanitizer notices a read of even one byte too many.
 */
// sources: kernel/lib/parse.c
#include "tests/unit/host.h"

#include "kernel/fs/tmpfs/cpio.c"

#define ROOM 8192
#define FIELD(name)                                                                       \
	(int)(offsetof(struct cpio_entry, name) / sizeof(u32)) /* its place in the header \
								*/

struct archive {
	char data[ROOM];
	size_t size;
};

static void pad(struct archive *a)
{
	while (a->size % 4)
		a->data[a->size++] = 0;
}

static void add_raw(struct archive *a, const void *p, size_t n)
{
	memcpy(a->data + a->size, p, n);
	a->size += n;
}

struct member {
	const char *magic, *name, *data;
	size_t data_len;
	u32 ino, mode, nlink, check;
};

static void add(struct archive *a, struct member m)
{
	char head[128];
	size_t name_len = strlen(m.name) + 1;

	sprintf(head, "%s%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
		m.magic ? m.magic : "070701", m.ino, m.mode, 1, 2, m.nlink ? m.nlink : 1, 0x5f5e100,
		(unsigned)m.data_len, 3, 4, 5, 6, (unsigned)name_len, m.check);
	add_raw(a, head, 110);
	add_raw(a, m.name, name_len);
	pad(a);
	if (m.data_len)
		add_raw(a, m.data, m.data_len);
	pad(a);
}

static void add_trailer(struct archive *a)
{
	add(a, (struct member){.name = "TRAILER!!!"});
}

/* An exact copy on the heap. */
static u8 *exact(const struct archive *a, size_t size)
{
	u8 *p = malloc(size ? size : 1);

	memcpy(p, a->data, size);
	return p;
}

/* Read to the end, with every byte that an entry points to. Returns the last result. */
static enum cpio_result read_all(const u8 *data, size_t size, int *entries)
{
	struct cpio_reader r;
	struct cpio_entry e;
	enum cpio_result res;
	volatile u32 sum = 0;

	*entries = 0;
	cpio_init(&r, data, size);
	while ((res = cpio_next(&r, &e)) > 0) {
		if (res != CPIO_ENTRY)
			continue;
		++*entries;
		sum += (u32)strlen(e.name);
		for (u32 i = 0; i < e.size; i++)
			sum += e.data[i];
		if (*entries > 1000)
			abort(); /* too many for so small an archive: the parser does not
				    advance */
	}
	(void)sum;
	CHECK((res == CPIO_BAD) == (r.why != NULL));
	return res;
}

static void sample(struct archive *a)
{
	a->size = 0;
	add(a, (struct member){.name = ".", .mode = 0040755, .ino = 1, .nlink = 2});
	add(a, (struct member){.name = "bin", .mode = 0040755, .ino = 2, .nlink = 2});
	add(a, (struct member){.name = "bin/sh",
			       .mode = 0100755,
			       .ino = 3,
			       .data = "#!/bin/x",
			       .data_len = 8});
	add(a,
	    (struct member){
		    .name = "./bin/ash", .mode = 0120777, .ino = 4, .data = "sh", .data_len = 2});
	add(a, (struct member){.name = "/dev/null", .mode = 0020666, .ino = 5});
	add_trailer(a);
}

TEST(reads_every_kind)
{
	static const char *const names[] = {"", "bin", "bin/sh", "bin/ash", "dev/null"};
	struct archive a;
	struct cpio_reader r;
	struct cpio_entry e;

	sample(&a);
	cpio_init(&r, a.data, a.size);
	for (int i = 0; i < 5; i++) {
		CHECK_EQ(cpio_next(&r, &e), CPIO_ENTRY);
		CHECK_STR(e.name, names[i]);
		CHECK_EQ(e.ino, i + 1);
		CHECK_EQ(e.uid, 1);
		CHECK_EQ(e.gid, 2);
		CHECK_EQ(e.mtime, 0x5f5e100);
		CHECK_EQ(e.dev_major, 3);
		CHECK_EQ(e.dev_minor, 4);
		CHECK_EQ(e.rdev_major, 5);
		CHECK_EQ(e.rdev_minor, 6);
		if (i == 2) {
			CHECK_EQ(e.size, 8);
			CHECK(memcmp(e.data, "#!/bin/x", 8) == 0);
			CHECK_EQ(e.mode, 0100755);
		}
	}
	CHECK_EQ(cpio_next(&r, &e), CPIO_TRAILER);
	CHECK_EQ(cpio_next(&r, &e), CPIO_END);
	CHECK_EQ(cpio_next(&r, &e), CPIO_END);
}

TEST(truncated_at_every_byte)
{
	struct archive a;
	int n;

	sample(&a);
	for (size_t size = 0; size < a.size; size++) {
		u8 *p = exact(&a, size);
		struct cpio_reader r;
		struct cpio_entry e;
		enum cpio_result res;
		bool trailer = false;

		cpio_init(&r, p, size);
		while ((res = cpio_next(&r, &e)) > 0)
			trailer |= res == CPIO_TRAILER;
		/* Only the trailer's three bytes of padding may be missing unnoticed.
		 */
		CHECK(!trailer || size >= a.size - 3);
		read_all(p, size, &n);
		free(p);
	}
}

TEST(zeroes_and_a_second_archive)
{
	struct archive a;
	char zeroes[512] = {0};
	int n;

	sample(&a);
	add_raw(&a, zeroes, 509); /* not a multiple of four */
	add(&a, (struct member){.name = "more", .mode = 0100644, .data = "x", .data_len = 1});
	CHECK_EQ(read_all((u8 *)a.data, a.size, &n), CPIO_END);
	CHECK_EQ(n, 6);
}

static enum cpio_result first(struct member m, struct cpio_entry *e)
{
	static u8 *p;
	struct archive a = {.size = 0};
	struct cpio_reader r;

	free(p);
	add(&a, m);
	p = exact(&a, a.size);
	cpio_init(&r, p, a.size);
	return cpio_next(&r, e);
}

TEST(checksums)
{
	struct cpio_entry e;
	struct member m = {.magic = "070702",
			   .name = "f",
			   .mode = 0100644,
			   .data = "\x01\xff\x10",
			   .data_len = 3,
			   .check = 0x110};

	CHECK_EQ(first(m, &e), CPIO_ENTRY);
	m.check = 0x111;
	CHECK_EQ(first(m, &e), CPIO_BAD);
	m.magic = "070701"; /* without sums the field means nothing */
	CHECK_EQ(first(m, &e), CPIO_ENTRY);
	m.magic = "070702";
	m.data_len = 0; /* a hard link without its data */
	CHECK_EQ(first(m, &e), CPIO_ENTRY);
	m.magic = "070707";
	CHECK_EQ(first(m, &e), CPIO_BAD);
}

/* Overwrite one of the 13 fields of a lone member. */
static enum cpio_result with_field(int field, const char *digits)
{
	struct archive a = {.size = 0};
	u8 *p;
	int n;
	enum cpio_result res;

	add(&a, (struct member){.name = "file", .mode = 0100644, .data = "data", .data_len = 4});
	add_trailer(&a);
	memcpy(a.data + 6 + field * 8, digits, 8);
	p = exact(&a, a.size);
	res = read_all(p, a.size, &n);
	free(p);
	return res;
}

TEST(wild_sizes)
{
	static const char *const wild[] = {"ffffffff", "fffffff0", "80000000",
					   "7fffffff", "00010000", "00002000"};

	for (size_t i = 0; i < ARRAY_SIZE(wild); i++) {
		CHECK_EQ(with_field(FIELD(size), wild[i]), CPIO_BAD);
		CHECK_EQ(with_field(FIELD(name_size), wild[i]), CPIO_BAD);
	}
	CHECK_EQ(with_field(FIELD(name_size), "00000000"), CPIO_BAD);
	CHECK_EQ(with_field(FIELD(name_size), "00000004"), CPIO_BAD); /* no NUL at its end */
	CHECK_EQ(with_field(FIELD(name_size), "00000006"), CPIO_BAD); /* a NUL before its end */
	CHECK_EQ(with_field(FIELD(name_size), "00000005"), CPIO_END);
	CHECK_EQ(with_field(FIELD(mode), "0000 1a4"), CPIO_BAD);
	CHECK_EQ(with_field(FIELD(mode), "-00081a4"), CPIO_BAD);
	CHECK_EQ(with_field(FIELD(mode), "0x0081a4"), CPIO_BAD);
	CHECK_EQ(with_field(FIELD(mode), "000081A4"), CPIO_END);
}

TEST(symbolic_links)
{
	static char longest[4096];
	struct cpio_entry e;
	struct member m = {.name = "l", .mode = 0120777, .data = longest, .data_len = 4095};

	memset(longest, 'a', sizeof(longest));
	CHECK_EQ(first(m, &e), CPIO_ENTRY);
	m.data_len = 4096;
	CHECK_EQ(first(m, &e), CPIO_BAD);
	m.data_len = 0;
	CHECK_EQ(first(m, &e), CPIO_BAD);
	m.data = "a\0b";
	m.data_len = 3;
	CHECK_EQ(first(m, &e), CPIO_BAD);
}

TEST(names)
{
	static const struct {
		const char *given, *read;
	} t[] = {{".", ""},
		 {"/", ""},
		 {"./", ""},
		 {"./.", ""},
		 {"a", "a"},
		 {"././/a", "a"},
		 {"..", ".."},
		 {".a", ".a"},
		 {"a/", "a/"},
		 {"", ""},
		 {"//bin//sh", "bin//sh"},
		 {"...", "..."}};
	struct cpio_entry e;

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		CHECK_EQ(first((struct member){.name = t[i].given, .mode = 0040755}, &e),
			 CPIO_ENTRY);
		CHECK_STR(e.name, t[i].read);
	}
}

/* Change bytes at random, mostly in headers. The parser may refuse the archive, but must not read
 * outside of it. */
TEST(random_damage)
{
	struct archive a;
	int n;

	for (int round = 0; round < 20000; round++) {
		size_t size;
		u8 *p;

		sample(&a);
		size = host_random_below(8) ? a.size : host_random_below(a.size);
		p = exact(&a, size);
		for (u64 k = 1 + host_random_below(4); size && k > 0; k--) {
			static const char bytes[] = "0123456789abcdefF/.\0\xff";

			p[host_random_below(size)] =
				host_random_below(3) ? (u8)bytes[host_random_below(sizeof(bytes))]
						     : (u8)host_random();
		}
		read_all(p, size, &n);
		free(p);
	}
}

TEST(pure_noise)
{
	int n;

	for (int round = 0; round < 5000; round++) {
		size_t size = host_random_below(400);
		u8 *p = malloc(size + 1);

		p = realloc(p, size ? size : 1);
		for (size_t i = 0; i < size; i++)
			p[i] = host_random_below(2) ? '0' : (u8)host_random();
		if (size > 6)
			memcpy(p, "070701", 6);
		read_all(p, size, &n);
		free(p);
	}
}

TEST_MAIN
