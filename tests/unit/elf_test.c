/* The ELF parser: what a linker makes is taken, what is corrupt is refused, and nothing is read
 * outside the tables. */
#include "tests/unit/host.h"
#include "kernel/elf.c"

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

	return err ? err : elf_parse(&eh, ph, FILE_SIZE, &img);
}

TEST(good_program)
{
	good_file();
	CHECK_EQ(parse(), 0);
	CHECK_EQ(img.nr, 2);
	CHECK(!img.pie && !img.exec_stack && !img.interp_len);
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

static void make_interp(u64 offset, u64 size)
{
	ph[2].p_type = PT_INTERP;
	ph[2].p_offset = offset;
	ph[2].p_filesz = size;
}

#define REFUSED(change)                      \
	do {                                 \
		good_file();                 \
		change;                      \
		CHECK_EQ(parse(), -ENOEXEC); \
	} while (0)

TEST(corrupt_headers)
{
	REFUSED(make_interp(0x300, 1));
	REFUSED(make_interp(0x300, 4097));
	REFUSED(make_interp(FILE_SIZE - 10, 28));
	REFUSED(make_interp(~0UL - 5, 28));
	REFUSED(eh.e_ident[0] = 0);
	REFUSED(eh.e_ident[EI_CLASS] = ELFCLASS32);
	REFUSED(eh.e_ident[EI_DATA] = ELFDATA2MSB);
	REFUSED(eh.e_type = ET_REL);
	REFUSED(eh.e_machine = EM_AARCH64);
	REFUSED(eh.e_phentsize = 32);
	REFUSED(eh.e_phnum = 0);
	REFUSED(eh.e_phnum = ELF_MAX_PHDRS + 1);
	REFUSED(eh.e_phoff = ~0UL);
	REFUSED(eh.e_phoff = FILE_SIZE - 10);
	REFUSED(eh.e_entry = 0x100);
	REFUSED(eh.e_entry = 0x404e00); /* in the data */
}

TEST(corrupt_segments)
{
	REFUSED(ph[0].p_filesz = 0x3001);     /* more in the file than in memory */
	REFUSED(ph[1].p_offset = 0xf0000e00); /* past the end of the file */
	REFUSED(ph[1].p_offset = ~0x1ffUL);   /* overflows */
	REFUSED(ph[1].p_filesz = ph[1].p_memsz = ~0UL);
	REFUSED(ph[1].p_memsz = 1UL << 60);
	REFUSED(ph[1].p_vaddr = TASK_SIZE - 0x200);
	REFUSED(ph[1].p_vaddr = ~0x1ffUL);
	REFUSED(ph[1].p_vaddr = 0x404e01);              /* does not agree with the offset */
	REFUSED(ph[1].p_vaddr = 0x402e00);              /* shares a page with the text */
	REFUSED(ph[1].p_vaddr = 0x300e00);              /* descending */
	REFUSED(ph[0].p_type = ph[1].p_type = PT_NOTE); /* nothing to load */
}

TEST(too_many_segments)
{
	static Elf64_Phdr many[ELF_MAX_SEGMENTS + 1];

	good_file();
	for (int i = 0; i <= ELF_MAX_SEGMENTS; i++)
		many[i] = (Elf64_Phdr){.p_type = PT_LOAD,
				       .p_flags = PF_X,
				       .p_memsz = 1,
				       .p_vaddr = 0x401100 + i * 0x1000UL,
				       .p_offset = 0x100};
	eh.e_phnum = ELF_MAX_SEGMENTS;
	CHECK_EQ(elf_parse(&eh, many, FILE_SIZE, &img), 0);
	eh.e_phnum++;
	CHECK_EQ(elf_parse(&eh, many, FILE_SIZE, &img), -ENOEXEC);
}

/* Whatever the bytes are: either refused, or every promise of struct elf_image holds. */
static void check_promises(void)
{
	u64 end = 0;

	for (unsigned int i = 0; i < img.nr; i++) {
		const struct elf_segment *s = &img.seg[i];

		CHECK(s->memsz > 0 && s->filesz <= s->memsz);
		CHECK(s->vaddr < TASK_SIZE && s->vaddr + s->memsz <= TASK_SIZE);
		CHECK(s->offset + s->filesz <= FILE_SIZE);
		CHECK((s->vaddr & PAGE_MASK) >= end);
		end = (s->vaddr + s->memsz + PAGE_SIZE - 1) & PAGE_MASK;
	}
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
			check_promises();
		}
	}
	CHECK(taken > 1000 && taken < 199000);
}
TEST_MAIN
