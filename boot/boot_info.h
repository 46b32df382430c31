/* The boot loader's information in the kernel's own form: only boot/ depends on the loader. */
#pragma once

#include "kernel/lib/types.h"

#define BOOT_MAX_RANGES  64
#define BOOT_MAX_MODULES 8
#define BOOT_CMDLINE_MAX 1024

enum boot_range_type {
	BOOT_RAM,          /* usable */
	BOOT_ACPI_RECLAIM, /* the firmware's tables; never reused here */
	BOOT_RESERVED,
};

struct boot_range {
	phys_addr_t start, end; /* [start, end) */
	enum boot_range_type type;
};

struct boot_module {
	phys_addr_t start, end;
	char name[32];
};

struct boot_framebuffer {
	phys_addr_t addr;
	u32 pitch, width, height; /* pixels, or characters for text */
	u8 bpp;
	bool present, text; /* text: VGA text mode, addr is its cell array */
	bool indexed;       /* a pixel is a number in the palette; the fields below are 0 */
	u8 red_pos, red_size, green_pos, green_size, blue_pos, blue_size;
};

/* The image's own symbol table, as the loader left it: backtraces are printed from it. */
struct boot_symbols {
	phys_addr_t symtab, strtab; /* Elf64_Sym array and its strings; 0 when absent */
	u64 symtab_size, strtab_size;
};

struct boot_info {
	char loader[32];
	char cmdline[BOOT_CMDLINE_MAX];
	u32 nr_ranges;
	struct boot_range ranges[BOOT_MAX_RANGES];
	u32 nr_modules;
	struct boot_module modules[BOOT_MAX_MODULES];
	struct boot_framebuffer fb;
	struct boot_symbols symbols;
	phys_addr_t efi_system_table; /* 0: the firmware is a BIOS, or it is a 32-bit one */
	phys_addr_t rsdp; /* copy of the ACPI root pointer inside the loader's tags; 0: search */
	phys_addr_t info_start, info_end;     /* the loader's own structure */
	phys_addr_t kernel_start, kernel_end; /* the loaded image */
	u64 entry_cycles;                     /* time-stamp counter at the kernel's entry */
};

void start_kernel(const struct boot_info *boot) __noreturn; /* kernel/main.c */
const char *kernel_command_line(void);
/* The commit the sources were at, as tools/iso says by the word `commit=`; "" when nothing says it.
 */
const char *boot_commit(void);
u64 cycles_since_entry(void);
/* Add up the memory map's ranges of this type. Their number; *bytes: their length together. */
u32 boot_memory(enum boot_range_type type, u64 *bytes);
/* Copy the value of `key=` on the command line to buf, or "" for a bare `key`. False if absent. */
bool boot_option(const struct boot_info *boot, const char *key, char *buf, size_t n);
