/*
 * The boot loader's structure, valid and damaged. Each structure lies in an allocation of exactly
 * its size, so that the address sanitizer notices a read of even one byte too many.
 */
#include "tests/unit/host.h"

#include "kernel/lib/types.h"

static phys_addr_t image_to_phys(const void *va)
{
	return (phys_addr_t)va;
}
#include "boot/multiboot2.c"

#define PA 0x10000 /* the physical address of the structure */

static u8 *memory; /* of the structure under test */

void *phys_to_virt(phys_addr_t pa)
{
	return memory + (pa - PA);
}
phys_addr_t virt_to_phys(const void *va)
{
	return PA + ((const u8 *)va - memory);
}

struct builder {
	u8 data[8192];
	u32 size;
};

static void put(struct builder *b, const void *p, u32 n)
{
	memcpy(b->data + b->size, p, n);
	b->size += n;
}

static void put_u32(struct builder *b, u32 v)
{
	put(b, &v, 4);
}

static void put_u64(struct builder *b, u64 v)
{
	put(b, &v, 8);
}

static void begin(struct builder *b)
{
	memset(b, 0, sizeof(*b));
	b->size = 8; /* total size, reserved */
}

static u32 begin_tag(struct builder *b, u32 type)
{
	u32 at = b->size;

	put_u32(b, type);
	put_u32(b, 0);
	return at;
}

static void end_tag(struct builder *b, u32 at)
{
	u32 size = b->size - at;

	memcpy(b->data + at + 4, &size, 4);
	while (b->size % 8)
		b->data[b->size++] = 0;
}

static void text_tag(struct builder *b, u32 type, const char *text)
{
	u32 at = begin_tag(b, type);

	put(b, text, strlen(text) + 1);
	end_tag(b, at);
}

static void memory_map(struct builder *b, u32 entry_size, const u64 (*entries)[3], u32 n)
{
	u32 at = begin_tag(b, 6);

	put_u32(b, entry_size);
	put_u32(b, 0);
	for (u32 i = 0; i < n; i++) {
		put_u64(b, entries[i][0]);
		put_u64(b, entries[i][1]);
		put_u32(b, (u32)entries[i][2]);
		for (u32 pad = 20; pad < entry_size; pad += 4)
			put_u32(b, 0);
	}
	end_tag(b, at);
}

/* Read the structure's first `size` bytes, with `total` in its head. */
static struct boot_info read_part(const struct builder *b, u32 size, u32 total)
{
	struct boot_info boot;

	memset(&boot, 0, sizeof(boot));
	memory = malloc(size);
	memcpy(memory, b->data, size);
	memcpy(memory, &total, 4);
	multiboot2_read(&boot, PA);
	free(memory);
	return boot;
}

static struct boot_info finish(struct builder *b)
{
	u32 at = begin_tag(b, 0);

	end_tag(b, at);
	return read_part(b, b->size, b->size);
}

TEST(strings_and_options)
{
	struct builder b;
	struct boot_info boot;
	char buf[8];

	begin(&b);
	text_tag(&b, 1, "quiet init=/bin/sh fork.share=tables  init=/x bare=");
	text_tag(&b, 2, "GRUB 2.06");
	boot = finish(&b);
	CHECK_STR(boot.loader, "GRUB 2.06");
	CHECK(boot_option(&boot, "quiet", buf, sizeof(buf)));
	CHECK_STR(buf, "");
	CHECK(boot_option(&boot, "init", buf, sizeof(buf)));
	CHECK_STR(buf, "/x"); /* the last one */
	CHECK(boot_option(&boot, "fork.share", buf, 4));
	CHECK_STR(buf, "tab"); /* cut to what fits */
	CHECK(boot_option(&boot, "bare", buf, sizeof(buf)));
	CHECK_STR(buf, "");
	CHECK(!boot_option(&boot, "ini", buf, sizeof(buf)));
	CHECK(!boot_option(&boot, "share", buf, sizeof(buf)));
}

TEST(modules)
{
	struct builder b;
	struct boot_info boot;
	u32 at;

	begin(&b);
	for (u32 i = 0; i < BOOT_MAX_MODULES + 2; i++) {
		at = begin_tag(&b, 3);
		put_u32(&b, 0x1000 * (i + 1));
		put_u32(&b,
			i == 1 ? 0 : 0x1000 * (i + 1) + 5); /* the second ends before it starts */
		put(&b, "a-name-that-is-longer-than-the-room-for-it", 43);
		end_tag(&b, at);
	}
	boot = finish(&b);
	CHECK_EQ(boot.nr_modules, BOOT_MAX_MODULES);
	CHECK_EQ(boot.modules[0].start, 0x1000);
	CHECK_EQ(boot.modules[0].end, 0x1005);
	CHECK_EQ(boot.modules[1].start, 0x3000);
	CHECK_EQ(strlen(boot.modules[0].name), sizeof(boot.modules[0].name) - 1);
}

TEST(memory_map_is_tidied)
{
	static const u64 entries[][3] = {
		{0x100000, 0x10000000, 1}, /* RAM, out of order */
		{0, 0x9fc00, 1},           /* not a whole number of pages */
		{0x8000000, 0x1800, 2},    /* reserved in the middle of RAM: one page and a half */
		{0xfffffffffffff000, 0x2000, 2}, /* runs past the end of the address space */
		{0x10100000, 0x10000, 3},        /* ACPI tables */
	};
	struct builder b;
	struct boot_info boot;
	u64 ram = 0;

	begin(&b);
	memory_map(&b, 24, entries, ARRAY_SIZE(entries));
	boot = finish(&b);
	for (u32 i = 0; i < boot.nr_ranges; i++) {
		const struct boot_range *r = &boot.ranges[i];

		CHECK(r->start < r->end);
		if (i)
			CHECK(r->start >= boot.ranges[i - 1].start);
		if (r->type == BOOT_RAM) {
			CHECK_EQ(r->start % PAGE_SIZE, 0);
			CHECK_EQ(r->end % PAGE_SIZE, 0);
			CHECK(r->end <= 0x8000000 || r->start >= 0x8002000);
			ram += r->end - r->start;
		}
		if (r->type == BOOT_ACPI_RECLAIM)
			CHECK_EQ(r->end - r->start, 0x10000);
	}
	/* 256 MiB less the two pages; low memory less page 0 and less the half page at its end. */
	CHECK_EQ(ram, 0x10000000 - 0x2000 + 0x9f000 - 0x1000);
}

TEST(memory_map_larger_entries)
{
	static const u64 entries[][3] = {{0x100000, 0x1000, 1}, {0x200000, 0x1000, 1}};
	struct builder b;
	struct boot_info boot;

	begin(&b);
	memory_map(&b, 40, entries, 2); /* a later version of the specification */
	boot = finish(&b);
	CHECK_EQ(boot.nr_ranges, 2);
	CHECK_EQ(boot.ranges[1].start, 0x200000);

	begin(&b);
	memory_map(&b, 16, entries, 2); /* too small to be entries */
	boot = finish(&b);
	CHECK_EQ(boot.nr_ranges, 0);
}

TEST(memory_map_with_more_holes_than_room)
{
	static u64 entries[2 * BOOT_MAX_RANGES + 1][3];
	struct builder b;
	struct boot_info boot;

	entries[0][0] = 0x100000;
	entries[0][1] = 0x40000000;
	entries[0][2] = 1;
	for (u32 i = 1; i < ARRAY_SIZE(entries); i++) {
		entries[i][0] = 0x100000 + i * 0x100000;
		entries[i][1] = 0x1000;
		entries[i][2] = 2;
	}
	begin(&b);
	memory_map(&b, 24, entries, ARRAY_SIZE(entries));
	boot = finish(&b);
	CHECK(boot.nr_ranges <= BOOT_MAX_RANGES);
	/* The kernel may lose usable memory, but must not use memory that is in use. */
	for (u32 r = 0; r < boot.nr_ranges; r++)
		for (u32 i = 1; boot.ranges[r].type == BOOT_RAM && i < ARRAY_SIZE(entries); i++)
			CHECK(entries[i][0] >= boot.ranges[r].end ||
			      entries[i][0] + 0x1000 <= boot.ranges[r].start);
}

TEST(framebuffer)
{
	struct builder b;
	struct boot_info boot;
	u32 at;

	begin(&b);
	at = begin_tag(&b, 8);
	put_u64(&b, 0x80fd000000);
	put_u32(&b, 4096);
	put_u32(&b, 1024);
	put_u32(&b, 768);
	put(&b, "\x20\x01\0\0\x10\x08\x08\x08\x00\x08", 10);
	end_tag(&b, at);
	boot = finish(&b);
	CHECK(boot.fb.present && !boot.fb.text);
	CHECK_EQ(boot.fb.addr, 0x80fd000000);
	CHECK_EQ(boot.fb.pitch, 4096);
	CHECK_EQ(boot.fb.bpp, 32);
	CHECK_EQ(boot.fb.red_pos, 16);
	CHECK_EQ(boot.fb.green_pos, 8);
	CHECK_EQ(boot.fb.blue_size, 8);

	begin(&b);
	at = begin_tag(&b, 8);
	put_u64(&b, 0xb8000);
	put_u32(&b, 160);
	put_u32(&b, 80);
	put_u32(&b, 25);
	put(&b, "\x10\x02\0\0", 4);
	end_tag(&b, at);
	boot = finish(&b);
	CHECK(boot.fb.present && boot.fb.text);
	CHECK_EQ(boot.fb.red_size, 0);

	/* a palette, whose first colours must not be taken for positions and sizes */
	for (u32 n = 0; n < 3; n++) {
		begin(&b);
		at = begin_tag(&b, 8);
		put_u64(&b, 0xfd000000);
		put_u32(&b, 640);
		put_u32(&b, 640);
		put_u32(&b, 480);
		put(&b, "\x08\0\0\0\x02\0\x01\x02\x03\x04\x05\x06", n ? 6 + 3 * n : 4);
		end_tag(&b, at);
		boot = finish(&b);
		CHECK(boot.fb.present && boot.fb.indexed && !boot.fb.text);
		CHECK_EQ(boot.fb.bpp, 8);
		CHECK_EQ(boot.fb.red_pos | boot.fb.red_size | boot.fb.green_pos |
				 boot.fb.green_size | boot.fb.blue_pos | boot.fb.blue_size,
			 0);
	}
}

TEST(symbol_table)
{
	struct elf_section s[3] = {{0},
				   {.type = 2, .addr = 0x5000, .size = 48, .link = 2},
				   {.type = 3, .addr = 0x6000, .size = 10}};
	struct builder b;
	struct boot_info boot;

	for (u32 variant = 0; variant < 4; variant++) {
		u32 at;

		s[1].link = variant == 1 ? 3 : 2; /* 1: no such section */
		s[2].type = variant == 2 ? 1 : 3; /* 2: not strings */
		begin(&b);
		at = begin_tag(&b, 9);
		put_u32(&b, variant == 3 ? 4 : 3); /* 3: more than the tag holds */
		put_u32(&b, sizeof(s[0]));
		put_u32(&b, 0);
		put(&b, s, sizeof(s));
		end_tag(&b, at);
		boot = finish(&b);
		CHECK_EQ(boot.symbols.symtab, variant == 0 ? 0x5000 : 0);
		CHECK_EQ(boot.symbols.strtab_size, variant == 0 ? 10 : 0);
	}
}

/* Every shorter part of a valid structure, with every total size in its head that fits the part.
 */
TEST(cut_short)
{
	static const u64 entries[][3] = {{0x100000, 0x1000, 1}, {0x200000, 0x1000, 2}};
	struct builder b;
	u32 at;

	begin(&b);
	text_tag(&b, 1, "one two=2");
	memory_map(&b, 24, entries, 2);
	at = begin_tag(&b, 15);
	put(&b, "RSD PTR 0123456789abcdef0123456789ab", 36);
	end_tag(&b, at);
	text_tag(&b, 2, "loader");
	for (u32 size = 8; size <= b.size; size++) {
		struct boot_info boot = read_part(&b, size, size);

		CHECK(boot.nr_ranges <= 2);
		CHECK(boot.info_end == 0 || boot.info_end == PA + size);
	}
}

/* Replace one field of a valid structure by a random value. */
TEST(random_damage)
{
	static const u64 entries[][3] = {{0x100000, 0x100000, 1}, {0x140000, 0x1000, 2}};
	struct elf_section s[2] = {{.type = 2, .addr = 1, .size = 8, .link = 1},
				   {.type = 3, .addr = 2, .size = 8}};
	struct builder good;
	u32 at;

	begin(&good);
	text_tag(&good, 1, "words");
	memory_map(&good, 24, entries, 2);
	at = begin_tag(&good, 9);
	put_u32(&good, 2);
	put_u32(&good, sizeof(s[0]));
	put_u32(&good, 0);
	put(&good, s, sizeof(s));
	end_tag(&good, at);
	at = begin_tag(&good, 3);
	put_u64(&good, 0x200000001000);
	end_tag(&good, at);
	at = begin_tag(&good, 0);
	end_tag(&good, at);
	for (int round = 0; round < 20000; round++) {
		static const u32 telling[] = {0,  1,          7,          8,          9,
					      16, 0x7fffffff, 0x80000000, 0xfffffff8, ~0u};
		struct builder b = good;
		u32 where = 8 + 4 * (u32)host_random_below((b.size - 8) / 4);
		u32 value = host_random_below(2) ? telling[host_random_below(ARRAY_SIZE(telling))]
						 : (u32)host_random();
		struct boot_info boot;

		memcpy(b.data + where, &value, 4);
		boot = read_part(&b, b.size, b.size);
		CHECK(boot.nr_ranges <= BOOT_MAX_RANGES && boot.nr_modules <= BOOT_MAX_MODULES);
		for (u32 i = 0; i < boot.nr_ranges; i++)
			CHECK(boot.ranges[i].start < boot.ranges[i].end);
	}
}

TEST_MAIN
