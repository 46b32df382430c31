/* What the ELF loader takes: programs that no linker makes, each with a change or two. How execve()
 * fails, or how the program ends: with a byte of its memory, or killed. */
#include "check.h"

#include <elf.h>

#define PAGE   0x1000UL
#define PAGES  4
#define BASE   0x400000UL
#define DATA   0x402000UL
#define CODE   0x800UL /* in the first page of the file */
#define INTERP 0x700UL
#define PATH   "/tmp/elf_odd"
#define LOADER "/tmp/elf_loader"

/* The file: page i is full of the byte 0x11 * (i + 1), but for the headers and the code. */
static struct {
	Elf64_Ehdr eh;
	Elf64_Phdr ph[1200];
} head;
static unsigned char file[PAGES * PAGE + 1200 * sizeof(Elf64_Phdr)];
static size_t file_size;
static Elf64_Ehdr *const eh = &head.eh;
static Elf64_Phdr *const ph = head.ph;

static void base(void)
{
	memset(&head, 0, sizeof(head));
	file_size = PAGES * PAGE;
	for (size_t i = 0; i < sizeof(file); i++)
		file[i] = (unsigned char)(0x11 * (i / PAGE + 1));
	memcpy(eh->e_ident, ELFMAG, SELFMAG);
	eh->e_ident[EI_CLASS] = ELFCLASS64;
	eh->e_ident[EI_DATA] = ELFDATA2LSB;
	eh->e_ident[EI_VERSION] = EV_CURRENT;
	eh->e_type = ET_EXEC;
	eh->e_machine = EM_X86_64;
	eh->e_version = EV_CURRENT;
	eh->e_entry = BASE + CODE;
	eh->e_phoff = sizeof(*eh);
	eh->e_ehsize = sizeof(*eh);
	eh->e_phentsize = sizeof(*ph);
	eh->e_phnum = 2;
	ph[0] = (Elf64_Phdr){.p_type = PT_LOAD,
			     .p_flags = PF_R | PF_X,
			     .p_vaddr = BASE,
			     .p_filesz = PAGE,
			     .p_memsz = PAGE,
			     .p_align = PAGE};
	ph[1] = (Elf64_Phdr){.p_type = PT_LOAD,
			     .p_flags = PF_R | PF_W,
			     .p_offset = PAGE,
			     .p_vaddr = DATA,
			     .p_filesz = 0x100,
			     .p_memsz = 0x2000,
			     .p_align = PAGE};
}

/* exit(the byte at addr), after adding 1 to it if `write`; exit(42) without an address. */
static void code(unsigned long addr, int write)
{
	unsigned char *p = file + CODE;

	if (addr && write) {
		memcpy(p, "\xfe\x04\x25", 3); /* incb addr */
		memcpy(p + 3, &addr, 4);
		p += 7;
	}
	if (addr) {
		memcpy(p, "\x0f\xb6\x3c\x25", 4); /* movzbl addr, %edi */
		memcpy(p + 4, &addr, 4);
		p += 8;
	} else {
		memcpy(p, "\xbf\x2a\0\0\0", 5); /* mov $42, %edi */
		p += 5;
	}
	memcpy(p, "\xb8\x3c\0\0\0\x0f\x05", 7); /* mov $60, %eax; syscall */
}

static void write_file(const char *path, mode_t mode)
{
	size_t n = sizeof(*eh) + (eh->e_phnum < 1200 ? eh->e_phnum : 1200) * sizeof(*ph);
	int fd;

	unlink(path);
	fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, mode);
	memcpy(file, &head, n < CODE - 0x200 || eh->e_phnum > 30 ? n : CODE - 0x200);
	if (write(fd, file, file_size) != (ssize_t)file_size)
		say("write: %s", error_name(errno));
	close(fd);
}

static void on_segv(int sig)
{
	(void)sig;
	_exit(77);
}

static void run(const char *name)
{
	char *const args[] = {PATH, NULL};
	pid_t pid;

	write_file(PATH, 0755);
	pid = must_fork();
	if (pid == 0) {
		signal(SIGSEGV, on_segv); /* does not survive the point of no return */
		execve(PATH, args, NULL);
		say("%s: %s", name, error_name(errno));
		_exit(0);
	}
	reap(name, pid);
}

static int serial;
#define TRY(...)                   \
	do {                       \
		base();            \
		code(0, 0);        \
		__VA_ARGS__;       \
		run(#__VA_ARGS__); \
		serial++;          \
	} while (0)

static void segment(int i, unsigned flags, unsigned long offset, unsigned long vaddr,
		    unsigned long filesz, unsigned long memsz)
{
	ph[i] = (Elf64_Phdr){.p_type = PT_LOAD,
			     .p_flags = flags,
			     .p_offset = offset,
			     .p_vaddr = vaddr,
			     .p_filesz = filesz,
			     .p_memsz = memsz,
			     .p_align = PAGE};
	if (i >= eh->e_phnum)
		eh->e_phnum = (Elf64_Half)(i + 1);
}

static void swap(void)
{
	Elf64_Phdr first = ph[0];

	ph[0] = ph[1];
	ph[1] = first;
}

static void headers(void)
{
	TRY();
	TRY(file_size = 0);
	TRY(file_size = 4);
	TRY(file_size = 63);
	TRY(file_size = 64);
	TRY(file_size = 64 + 2 * 56 - 1);
	TRY(eh->e_ident[0] = 0);
	TRY(eh->e_ident[EI_CLASS] = ELFCLASS32);
	TRY(eh->e_ident[EI_CLASS] = 0);
	TRY(eh->e_ident[EI_DATA] = ELFDATA2MSB);
	TRY(eh->e_ident[EI_VERSION] = 9; eh->e_version = 7);
	TRY(eh->e_ident[EI_OSABI] = ELFOSABI_FREEBSD);
	TRY(eh->e_type = ET_REL);
	TRY(eh->e_type = ET_CORE);
	TRY(eh->e_type = ET_NONE);
	TRY(eh->e_machine = EM_AARCH64);
	TRY(eh->e_machine = EM_386);
	TRY(eh->e_ehsize = 1);
	TRY(eh->e_flags = 0xffffffff);
	TRY(eh->e_shnum = 0xffff; eh->e_shoff = -1UL; eh->e_shstrndx = 99);
	TRY(eh->e_phentsize = 55);
	TRY(eh->e_phentsize = 0);
	TRY(eh->e_phentsize = 112);
	TRY(eh->e_phnum = 0);
	TRY(eh->e_phnum = 1);
	TRY(eh->e_phnum = PN_XNUM);
	TRY(eh->e_phoff = 0);
	TRY(eh->e_phoff = PAGES * PAGE);
	TRY(eh->e_phoff = PAGES * PAGE - 8);
	TRY(eh->e_phoff = -8UL);
	TRY(eh->e_phoff = 1UL << 63);
	TRY(memcpy(file + 2 * PAGE + 3, ph, 2 * sizeof(*ph)); eh->e_phoff = 2 * PAGE + 3);
	TRY(ph[0].p_type = PT_NULL);
	TRY(ph[0].p_type = ph[1].p_type = PT_NOTE);
	TRY(eh->e_entry = 0);
	TRY(eh->e_entry = 0x100000);
	TRY(eh->e_entry = DATA);
	TRY(eh->e_entry = 0xffffffff81000000UL);
	TRY(eh->e_entry = 0x7ffffffff000UL);
	TRY(eh->e_entry = 0x800000000000UL);
}

static void segments(void)
{
	TRY(code(DATA, 0));
	TRY(code(DATA, 1));
	TRY(code(DATA + 0xff, 0));
	TRY(code(DATA + 0x100, 0));
	TRY(code(DATA + 0xfff, 0));
	TRY(code(DATA + 0x1000, 1));
	TRY(code(DATA + 0x2000, 0));
	TRY(swap());
	TRY(swap(); code(DATA, 0));
	/* overlapping: the later one lies on top */
	TRY(segment(2, PF_R, 2 * PAGE, DATA, PAGE, PAGE); code(DATA, 0));
	TRY(segment(2, PF_R, 2 * PAGE, DATA, PAGE, PAGE); code(DATA + 0x100, 0));
	TRY(segment(2, PF_R, 2 * PAGE, DATA, PAGE, PAGE); code(DATA, 1));
	TRY(segment(2, PF_R | PF_W, 2 * PAGE, DATA + PAGE, PAGE, PAGE); code(DATA + PAGE, 0));
	TRY(segment(2, PF_R | PF_W, 2 * PAGE, BASE, PAGE, PAGE));
	TRY(segment(2, PF_R | PF_X, 0, BASE, PAGE, PAGE));
	TRY(segment(2, PF_R | PF_W, 2 * PAGE + 0x200, DATA + 0x200, 0x80, 0x80); code(DATA, 0));
	TRY(segment(2, PF_R | PF_W, PAGE, DATA - PAGE, 3 * PAGE, 3 * PAGE); code(DATA, 0));
	TRY(segment(2, PF_R | PF_W, 0, DATA + 0x10, 0, 0x10); code(DATA, 0));
	TRY(segment(2, PF_R | PF_W, 0, DATA + 0x10, 0, 2 * PAGE); code(DATA + PAGE, 0));
	/* sizes */
	TRY(ph[1].p_filesz = 0; code(DATA, 0));
	TRY(ph[1].p_filesz = 0; code(DATA, 1));
	TRY(ph[1].p_memsz = 0);
	TRY(ph[1].p_memsz = 0; code(DATA, 0));
	TRY(ph[1].p_filesz = ph[1].p_memsz = 0);
	TRY(ph[1].p_filesz = ph[1].p_memsz = 0; code(DATA, 0));
	TRY(ph[1].p_filesz = 0x2001);
	TRY(ph[0].p_memsz = PAGE - 1);
	TRY(ph[1].p_memsz = 1UL << 47);
	TRY(ph[1].p_memsz = -1UL);
	TRY(ph[1].p_memsz = -1UL - DATA);
	TRY(ph[1].p_filesz = ph[1].p_memsz = -1UL);
	TRY(ph[1].p_filesz = ph[1].p_memsz = 1UL << 47);
	/* the file ends */
	TRY(ph[1].p_offset = PAGES * PAGE; ph[1].p_memsz = 0x100);
	TRY(ph[1].p_offset = PAGES * PAGE; ph[1].p_memsz = 0x100; code(DATA, 0));
	TRY(ph[1].p_offset = PAGES * PAGE);
	TRY(ph[1].p_offset = 1UL << 40; ph[1].p_memsz = 0x100);
	TRY(ph[1].p_offset = 1UL << 63; ph[1].p_memsz = 0x100);
	TRY(ph[1].p_offset = -PAGE; ph[1].p_memsz = 0x100);
	TRY(ph[1].p_filesz = ph[1].p_memsz = 8 * PAGE; code(DATA + 2 * PAGE, 0));
	TRY(ph[1].p_filesz = ph[1].p_memsz = 8 * PAGE; code(DATA + 3 * PAGE, 0));
	TRY(ph[1].p_filesz = 8 * PAGE - 5; ph[1].p_memsz = 8 * PAGE);
	TRY(file_size = PAGE + 0x80; code(DATA + 0x90, 0));
	/* what does not agree */
	TRY(ph[1].p_vaddr += 8);
	TRY(ph[1].p_offset += 8);
	TRY(ph[1].p_offset += 8; ph[1].p_vaddr += 8; code(DATA + 8, 0));
	TRY(ph[1].p_offset += 8; ph[1].p_vaddr += 8; code(DATA, 0));
	TRY(ph[1].p_offset = 8; ph[1].p_vaddr += 16);
	TRY(ph[1].p_filesz = 0; ph[1].p_vaddr += 8; code(DATA, 0));
	TRY(ph[1].p_paddr = -1UL);
	TRY(ph[1].p_align = 3);
	TRY(ph[1].p_align = 0);
	TRY(ph[1].p_align = 1UL << 40);
	/* places */
	TRY(ph[1].p_vaddr = 0x7ffffffff000UL);
	TRY(ph[1].p_vaddr = 0x800000000000UL);
	TRY(ph[1].p_vaddr = 0xffffffff81000000UL);
	TRY(ph[1].p_vaddr = -PAGE);
	TRY(ph[1].p_vaddr = 0x7fffffff0000UL - 0x100000000000UL; code(0, 0));
	/* Rights. Memory that may only be executed is not read here: with protection keys Linux
	 * forbids that, so its answer depends on the CPU. */
	TRY(ph[1].p_flags = PF_R; code(DATA, 0));
	TRY(ph[1].p_flags = PF_R; code(DATA, 1));
	TRY(ph[1].p_flags = PF_R; code(DATA + 0x100, 0));
	TRY(ph[1].p_flags = PF_R; code(DATA + PAGE, 1));
	TRY(ph[1].p_flags = PF_W; code(DATA, 1));
	TRY(ph[1].p_flags = 0; code(DATA, 0));
	TRY(ph[1].p_flags = 0; code(DATA + PAGE, 0));
	TRY(ph[1].p_flags = ~7u);
	TRY(ph[0].p_flags = PF_R);
	TRY(ph[0].p_flags = PF_X);
	TRY(ph[0].p_flags = PF_R | PF_W | PF_X; code(BASE, 1));
}

static void many(int n, int loads)
{
	for (int i = 2; i < n; i++) {
		segment(i, PF_R, PAGE, 0x500000 + 2 * PAGE * (unsigned long)i, PAGE, PAGE);
		if (i >= loads)
			ph[i].p_type = PT_NULL;
	}
	if (n > 30) { /* the code behind the headers */
		unsigned long at = (sizeof(*eh) + (unsigned long)n * sizeof(*ph) + 63) & ~63UL;

		eh->e_entry = BASE + at;
		ph[0].p_filesz = ph[0].p_memsz = at + 64;
		ph[1].p_vaddr = 0x480000;
		memcpy(file + at, file + CODE, 64);
		file_size = at + 64 > file_size ? at + 64 : file_size;
	}
}

static void many_headers(void)
{
	TRY(many(17, 17));
	TRY(many(18, 18));
	TRY(many(40, 2));
	TRY(many(60, 60));
	TRY(many(65, 3));
	TRY(many(73, 73));
	TRY(many(74, 74));
	TRY(many(200, 200));
	TRY(many(1170, 3));
	TRY(many(1171, 3));
	TRY(many(1199, 3));
}

static void interp(int i, const char *path, unsigned long len)
{
	ph[i] = (Elf64_Phdr){.p_type = PT_INTERP, .p_offset = INTERP, .p_filesz = len};
	strcpy((char *)file + INTERP, path);
	if (i >= eh->e_phnum)
		eh->e_phnum = (Elf64_Half)(i + 1);
}

static void text_file(const char *text, size_t n, mode_t mode)
{
	int fd;

	unlink(LOADER);
	fd = open(LOADER, O_CREAT | O_WRONLY | O_TRUNC, mode);
	if (write(fd, text, n) != (ssize_t)n)
		say("write: %s", error_name(errno));
	close(fd);
}

/* A good loader, at another place, but for one change; then the base program again. */
#define LOADER_WITH(change)                    \
	do {                                   \
		base();                        \
		code(0, 0);                    \
		file[CODE + 1] = 43;           \
		ph[0].p_vaddr = 0x600000;      \
		ph[1].p_vaddr = 0x610000;      \
		eh->e_entry = 0x600000 + CODE; \
		change;                        \
		write_file(LOADER, 0755);      \
	} while (0)
#define WITH_LOADER() interp(2, LOADER, sizeof(LOADER))

static void interpreters(void)
{
	TRY(interp(2, "", 0));
	TRY(interp(2, "", 1));
	TRY(interp(2, "", 2));
	TRY(interp(2, "/", 2));
	TRY(interp(2, "/nowhere", 9));
	TRY(interp(2, "/nowhere", 8));
	TRY(interp(2, "/nowhere", 4096));
	TRY(interp(2, "/nowhere", 4097));
	TRY(interp(2, "/nowhere", 9); ph[2].p_offset = PAGES * PAGE - 2);
	TRY(interp(2, "/nowhere", 9); ph[2].p_offset = -5UL);
	TRY(interp(2, "/nowhere", 9); ph[1].p_offset += 8);
	TRY(interp(2, "/tmp", 5));
	text_file("", 0, 0755);
	TRY(WITH_LOADER());
	text_file("#!/bin/sh\n", 10, 0755);
	TRY(WITH_LOADER());
	text_file("x", 1, 0644);
	TRY(WITH_LOADER());
	base();
	text_file((char *)file, 100, 0755);
	TRY(WITH_LOADER());
	LOADER_WITH();
	TRY(WITH_LOADER());
	TRY(WITH_LOADER(); eh->e_entry = 0);
	TRY(WITH_LOADER(); ph[0].p_type = ph[1].p_type = PT_NULL);
	TRY(WITH_LOADER(); ph[1].p_offset += 8);
	TRY(WITH_LOADER(); interp(3, LOADER, sizeof(LOADER)));
	TRY(WITH_LOADER(); ph[3] = ph[2]; ph[3].p_filesz = 1; eh->e_phnum = 4);
	TRY(WITH_LOADER(); ph[3] = ph[2]; ph[2].p_filesz = 1; eh->e_phnum = 4);
	TRY(WITH_LOADER(); eh->e_type = ET_DYN; ph[0].p_vaddr = 0; ph[1].p_vaddr = 0x2000);
	LOADER_WITH(eh->e_ident[1] = 'X');
	TRY(WITH_LOADER());
	LOADER_WITH(eh->e_machine = EM_386);
	TRY(WITH_LOADER());
	LOADER_WITH(eh->e_type = ET_REL);
	TRY(WITH_LOADER());
	LOADER_WITH(eh->e_phentsize = 3);
	TRY(WITH_LOADER());
	LOADER_WITH(eh->e_phnum = 0);
	TRY(WITH_LOADER());
	LOADER_WITH(eh->e_phoff = PAGES * PAGE);
	TRY(WITH_LOADER());
	LOADER_WITH(ph[0].p_type = ph[1].p_type = PT_NULL);
	TRY(WITH_LOADER());
	LOADER_WITH(ph[1].p_offset += 8);
	TRY(WITH_LOADER());
	LOADER_WITH(ph[1].p_filesz = 0x3000);
	TRY(WITH_LOADER());
	LOADER_WITH(eh->e_entry = 0xffffffff81000000UL);
	TRY(WITH_LOADER());
	LOADER_WITH(swap());
	TRY(WITH_LOADER());
	LOADER_WITH(ph[0].p_vaddr = BASE; eh->e_entry = BASE + CODE);
	TRY(WITH_LOADER());
	LOADER_WITH(eh->e_type = ET_DYN; ph[0].p_vaddr = 0; ph[1].p_vaddr = 0x2000;
		    eh->e_entry = CODE);
	TRY(WITH_LOADER());
	LOADER_WITH(eh->e_type = ET_DYN; ph[0].p_vaddr = 0x8000; ph[1].p_vaddr = 0x2000;
		    eh->e_entry = 0x8000 + CODE);
	TRY(WITH_LOADER());
	LOADER_WITH(interp(2, "/nowhere", 9)); /* a loader's own loader is not looked at */
	TRY(WITH_LOADER());
	unlink(LOADER);
}

static void dyn(unsigned long first, unsigned long second, unsigned long align)
{
	eh->e_type = ET_DYN;
	ph[0].p_vaddr = first;
	ph[1].p_vaddr = second;
	ph[0].p_align = ph[1].p_align = align;
	eh->e_entry = first + CODE;
}

static void relocatable(void)
{
	TRY(dyn(0, 0x2000, PAGE));
	TRY(dyn(0x2000, 0, PAGE));
	TRY(dyn(0x10000, 0x20000, PAGE));
	TRY(dyn(BASE, DATA, PAGE));
	TRY(dyn(0, 0, PAGE));
	TRY(dyn(0, 0x2000, 0));
	TRY(dyn(0, 0x2000, 3));
	TRY(dyn(0, 0x200000, 0x200000));
	TRY(dyn(0, 0x2000, 1UL << 30));
	TRY(dyn(0, 0x2008, PAGE));
	TRY(dyn(0, 1UL << 46, PAGE));
	TRY(dyn(0, 1UL << 47, PAGE));
	TRY(dyn(0, -PAGE, PAGE));
	TRY(dyn(0, 0x2000, PAGE); ph[1].p_memsz = 1UL << 47);
	TRY(dyn(0, 0x2000, PAGE); ph[0].p_type = ph[1].p_type = PT_NULL);
	TRY(dyn(0, 0x2000, PAGE); eh->e_entry = 1UL << 47);
}

int main(void)
{
	headers();
	segments();
	many_headers();
	interpreters();
	relocatable();
	unlink(PATH);
	return serial < 100;
}
