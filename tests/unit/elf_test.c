/* The ELF parser accepts what a linker makes, recognises what cannot be mapped, and reads nothing
 * outside the tables. */
#include "kernel/exec/elf.c"
#include "tests/unit/host.h"

#define FILE_SIZE 0x5000

static Elf64_Ehdr eh;
static Elf64_Phdr ph[4];
static struct elf_image img;

/* A static program as GNU ld lays it out: text, data with bss behind it, and the stack's mark. */
static void good_file(void)
{
	memset(&eh, 0, sizeof(eh));
	memset(ph, 0, sizeof(ph));
	memcpy(eh.e_ident, ELFMAG, SELFMAG);
	eh.e_ident[EI_CLASS] = ELFCLASS64;
	eh.e_ident[EI_DATA] = ELFDATA2LSB;
	eh.e_type = ET_EXEC;
	eh.e_machine = EM_X86_64;
	eh.e_entry = 0x401100;
	eh.e_phoff = sizeof(eh);
	eh.e_phentsize = sizeof(Elf64_Phdr);
	eh.e_phnum = 3;
	ph[0] = (Elf64_Phdr){.p_type = PT_LOAD,
			     .p_flags = PF_R | PF_X,
			     .p_vaddr = 0x400000,
			     .p_filesz = 0x3000,
			     .p_memsz = 0x3000};
	ph[1] = (Elf64_Phdr){.p_type = PT_LOAD,
			     .p_flags = PF_R | PF_W,
			     .p_vaddr = 0x404e00,
			     .p_offset = 0x3e00,
			     .p_filesz = 0x300,
			     .p_memsz = 0x2000};
	ph[2] = (Elf64_Phdr){.p_type = PT_GNU_STACK, .p_flags = PF_R | PF_W};
}

static int parse(void)
{
	int err = elf_check_header(&eh, FILE_SIZE);

	if (!err)
		elf_parse(&eh, ph, &img, img.few);
	return err;
}

static bool all_fit(u64 bias)
{
	for (unsigned int i = 0; i < img.nr; i++)
		if (!elf_segment_fits(&img.seg[i], bias))
			return false;
	return true;
}

TEST(good_program)
{
	good_file();
	CHECK_EQ(parse(), 0);
	CHECK_EQ(img.nr, 2);
	CHECK(img.program && !img.pie && !img.exec_stack && !img.has_interp);
	CHECK(all_fit(0));
	CHECK_EQ(img.low, 0x400000);
	CHECK_EQ(img.high, 0x406e00);
	CHECK_EQ(img.align, PAGE_SIZE);
	CHECK_EQ(img.entry, 0x401100);
	CHECK_EQ(img.phdr_vaddr, 0x400040);
	CHECK_EQ(img.seg[1].memsz, 0x2000);
}

TEST(kinds)
{
	good_file();
	eh.e_type = ET_DYN;
	ph[2].p_flags |= PF_X;
	CHECK_EQ(parse(), 0);
	CHECK(img.pie && img.exec_stack);
	ph[2].p_type = PT_INTERP;
	ph[2].p_offset = 0x300;
	ph[2].p_filesz = 28;
	CHECK_EQ(parse(), 0);
	CHECK_EQ(img.interp_at, 0x300);
	CHECK_EQ(img.interp_len, 28);
}

#define REFUSED(change)                      \
	do {                                 \
		good_file();                 \
		change;                      \
		CHECK_EQ(parse(), -ENOEXEC); \
	} while (0)

TEST(corrupt_headers)
{
	REFUSED(eh.e_ident[0] = 0);
	REFUSED(eh.e_machine = EM_AARCH64);
	REFUSED(eh.e_phentsize = 32);
	REFUSED(eh.e_phnum = 0);
	REFUSED(eh.e_phnum = ELF_MAX_PHDRS + 1);
	REFUSED(eh.e_phoff = ~0UL);
	REFUSED(eh.e_phoff = FILE_SIZE - 10);
}

/* The parser accepts these; they are refused when they are mapped. */
#define UNFIT(change)                 \
	do {                          \
		good_file();          \
		change;               \
		CHECK_EQ(parse(), 0); \
		CHECK(!all_fit(0));   \
	} while (0)
#define FIT(change)                   \
	do {                          \
		good_file();          \
		change;               \
		CHECK_EQ(parse(), 0); \
		CHECK(all_fit(0));    \
	} while (0)

TEST(segments_that_do_not_fit)
{
	UNFIT(ph[0].p_filesz = 0x3001);   /* more in the file than in memory */
	UNFIT(ph[1].p_offset = ~0x1ffUL); /* overflows */
	UNFIT(ph[1].p_offset = 1UL << 63 | 0xe00);
	UNFIT(ph[1].p_filesz = ph[1].p_memsz = ~0UL);
	UNFIT(ph[1].p_memsz = 1UL << 60);
	UNFIT(ph[1].p_vaddr = TASK_SIZE - 0x200);
	UNFIT(ph[1].p_vaddr = ~0x1ffUL);
	UNFIT(ph[1].p_vaddr = 0x404e01); /* does not agree with the offset */
	UNFIT(ph[1].p_offset = 0x800; ph[1].p_vaddr = 0x404900);
	FIT(ph[1].p_offset = 0xf0000e00); /* past the end of the file: nothing is there */
	FIT(ph[1].p_vaddr = 0x402e00);    /* shares a page with the text */
	FIT(ph[1].p_vaddr = 0x300e00);    /* descending */
	FIT(ph[1].p_filesz = 0; ph[1].p_offset = 3);
	FIT(ph[1].p_filesz = ph[1].p_memsz = 0);
	good_file();
	CHECK_EQ(parse(), 0);
	CHECK(all_fit(TASK_SIZE - 0x407000));
	CHECK(!all_fit(TASK_SIZE - 0x406000));
	CHECK(!all_fit(~0xfffUL));
}

TEST(odd_tables)
{
	static Elf64_Phdr many[ELF_MAX_PHDRS];
	static struct elf_segment seg[ELF_MAX_PHDRS];

	good_file();
	ph[0].p_type = ph[1].p_type = PT_NOTE; /* nothing to load */
	CHECK_EQ(parse(), 0);
	CHECK_EQ(img.nr, 0);
	good_file();
	eh.e_type = ET_REL;
	CHECK_EQ(parse(), 0);
	CHECK(!img.program);
	good_file();
	ph[2].p_type = PT_INTERP; /* the first of two */
	ph[2].p_filesz = 5;
	ph[3] = ph[2];
	ph[3].p_filesz = 7;
	eh.e_phnum = 4;
	CHECK_EQ(parse(), 0);
	CHECK(img.has_interp);
	CHECK_EQ(img.interp_len, 5);
	good_file();
	ph[0].p_align = 3;
	ph[1].p_align = 1UL << 21;
	CHECK_EQ(parse(), 0);
	CHECK_EQ(img.align, 1UL << 21);
	for (u32 i = 0; i < ELF_MAX_PHDRS; i++)
		many[i] = (Elf64_Phdr){.p_type = PT_LOAD, .p_memsz = 1, .p_vaddr = i * 0x1000UL};
	eh.e_phnum = ELF_MAX_PHDRS;
	elf_parse(&eh, many, &img, seg);
	CHECK_EQ(img.nr, ELF_MAX_PHDRS);
	CHECK_EQ(img.seg[ELF_MAX_PHDRS - 1].vaddr, (ELF_MAX_PHDRS - 1) * 0x1000UL);
}

/* If the parser accepts the file, every promise of struct elf_image must hold. */
static void check_promises(u64 bias)
{
	for (unsigned int i = 0; i < img.nr; i++) {
		const struct elf_segment *s = &img.seg[i];
		u64 skip = s->vaddr & ~PAGE_MASK;

		if (!elf_segment_fits(s, bias))
			continue;
		CHECK(s->filesz <= s->memsz);
		CHECK(s->vaddr < TASK_SIZE && s->vaddr + s->memsz <= TASK_SIZE);
		CHECK(s->vaddr + bias + s->memsz <= TASK_SIZE && s->vaddr + bias >= bias);
		CHECK(!s->filesz || (s->offset - skip) % PAGE_SIZE == 0);
		CHECK(!s->filesz || s->offset + s->filesz < 1UL << 63);
	}
	CHECK((img.align & (img.align - 1)) == 0 && img.align >= PAGE_SIZE);
}

TEST(random_damage)
{
	int taken = 0;

	for (int round = 0; round < 200000; round++) {
		good_file();
		for (u64 n = host_random_below(4); n > 0; n--) {
			unsigned char *at =
				host_random() & 1 ? (unsigned char *)&eh : (unsigned char *)ph;

			at[host_random_below(sizeof(eh))] = (unsigned char)host_random();
		}
		if (eh.e_phnum > 3)
			eh.e_phnum = 3; /* as many as there are here */
		if (parse() == 0) {
			taken++;
			check_promises(host_random() & 1 ? 0 : host_random() & PAGE_MASK);
		}
	}
	CHECK(taken > 1000 && taken < 199000);
}
TEST_MAIN
