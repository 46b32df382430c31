/* Names for kernel addresses, from the image's ELF symbol table as the boot loader left it. The
 * search is linear: it runs only for a backtrace, and needs no memory, so that it works before the
 * allocator does and during a panic. */
#include <linux/elf.h>
#include "arch/x86_64/arch.h"
#include "boot/boot_info.h"
#include "kernel/debug/debug.h"
#include "kernel/lib/log.h"
#include "kernel/lib/string.h"

static const Elf64_Sym *symtab;
static size_t nr_symbols;
static const char *strtab;
static size_t strtab_size;

static bool is_code(const Elf64_Sym *s)
{
	int type = ELF64_ST_TYPE(s->st_info);

	/* NASM's constants have names, too: SHN_ABS. */
	return s->st_shndx != SHN_UNDEF && s->st_shndx != SHN_ABS && s->st_name < strtab_size &&
	       (type == STT_FUNC || type == STT_NOTYPE) && strtab[s->st_name] != '\0';
}

/* Does `addr` lie behind the end of `s`? A label has no size, and so no end. */
static bool ends_before(const Elf64_Sym *s, u64 addr)
{
	return s->st_size && addr - s->st_value >= s->st_size;
}

/* The nearest symbol at or below `addr` that does not end before it, or NULL; a function is
 * preferred to a mere label at the same address. */
static const Elf64_Sym *symbol_at(u64 addr)
{
	const Elf64_Sym *best = NULL;

	for (size_t i = 0; i < nr_symbols; i++) {
		const Elf64_Sym *s = &symtab[i];

		if (s->st_value > addr || !is_code(s) || (best && s->st_value < best->st_value))
			continue;
		if (best && s->st_value == best->st_value &&
		    ELF64_ST_TYPE(best->st_info) == STT_FUNC)
			continue;
		best = s;
	}
	return best && ends_before(best, addr) ? NULL : best;
}

void symbols_set(const void *table, size_t table_size, const char *strings, size_t strings_size)
{
	bool usable =
		strings_size && strings[strings_size - 1] == '\0'; /* names end in the table */

	symtab = table;
	nr_symbols = usable ? table_size / sizeof(Elf64_Sym) : 0;
	strtab = strings;
	strtab_size = strings_size;
}

/* Leave out what the compiler appends to the name of a function's variant, as in "drop.isra.0".
 * NASM's local labels have a dot in their names, too. */
static size_t source_name_length(const Elf64_Sym *s)
{
	const char *name = strtab + s->st_name;
	const char *dot = ELF64_ST_TYPE(s->st_info) == STT_FUNC ? strchr(name, '.') : NULL;

	return dot ? (size_t)(dot - name) : strlen(name);
}

const char *symbol_name(u64 addr, char *buf, size_t n)
{
	const Elf64_Sym *s = symbol_at(addr);

	if (s == NULL)
		snprintf(buf, n, "%#lx", (unsigned long)addr);
	else
		snprintf(buf, n, "%.*s+0x%lx", (int)source_name_length(s), strtab + s->st_name,
			 (unsigned long)(addr - s->st_value));
	return buf;
}

u64 symbol_start(u64 addr)
{
	const Elf64_Sym *s = symbol_at(addr);

	return s ? s->st_value : 0;
}

#ifndef HOST_TEST
void symbols_init(const struct boot_info *boot)
{
	const struct boot_symbols *s = &boot->symbols;

	if (s->symtab == 0 || s->strtab == 0) {
		pr_warn("symbols: the loader gave none, backtraces will show bare addresses\n");
		return;
	}
	symbols_set(phys_to_virt(s->symtab), s->symtab_size, phys_to_virt(s->strtab),
		    s->strtab_size);
}
#endif
