/* Finding the SMBIOS tables: a BIOS leaves their entry point below 1 MiB, UEFI in its list of
 * tables. */
#include "arch/x86_64/dev/acpi/smbios.h"

#include "arch/x86_64/arch.h"
#include "arch/x86_64/mm/paging.h"
#include "kernel/lib/log.h"
#include "kernel/lib/string.h"

#define TABLE_MAX     (1UL << 20) /* a longer one is garbage */
#define BIOS_START    0xf0000
#define BIOS_END      0x100000
#define EFI_SIGNATURE 0x5453595320494249UL /* "IBI SYST" */
#define EFI_MAX       256                  /* tables */

/* UEFI 2.10, 4.3: the system table's last two fields; each entry of the list. */
struct efi_system_table {
	u64 signature, other[12], nr_tables;
	phys_addr_t tables;
};
struct efi_table {
	u8 guid[16];
	phys_addr_t addr;
};

static phys_addr_t efi_system_table;
static char name[80];

void smbios_set_efi(phys_addr_t system_table)
{
	efi_system_table = system_table;
}

const char *arch_machine_name(void)
{
	return name;
}

static bool read_entry(const u8 *p, size_t avail)
{
	phys_addr_t pa;
	const u8 *table;
	size_t len;

	if (!smbios_entry(p, avail, &pa, &len))
		return false;
	len = MIN(len, TABLE_MAX);
	table = pa ? arch_map_physical(pa, len, MAP_CACHED) : NULL;
	if (table)
		smbios_system(table, len, name, sizeof(name));
	return true;
}

static void search_bios(void)
{
	const u8 *p = arch_map_physical(BIOS_START, BIOS_END - BIOS_START, MAP_CACHED);

	for (size_t at = 0; p && at < BIOS_END - BIOS_START; at += 16)
		if (read_entry(p + at, BIOS_END - BIOS_START - at))
			return;
}

static bool is_smbios(const u8 *guid)
{
	static const u8 known[][16] = {{0x44, 0x15, 0xfd, 0xf2, 0x94, 0x97, 0x2c, 0x4a, 0x99, 0x2e,
					0xe5, 0xbb, 0xcf, 0x20, 0xe3, 0x94},
				       {0x31, 0x2d, 0x9d, 0xeb, 0x88, 0x2d, 0xd3, 0x11, 0x9a, 0x16,
					0x00, 0x90, 0x27, 0x3f, 0xc1, 0x4d}};

	return memcmp(guid, known[0], 16) == 0 || memcmp(guid, known[1], 16) == 0;
}

static void search_efi(void)
{
	const struct efi_system_table *t =
		arch_map_physical(efi_system_table, sizeof(*t), MAP_CACHED);
	const struct efi_table *list;
	u64 n;

	if (!t || t->signature != EFI_SIGNATURE || t->nr_tables > EFI_MAX)
		return;
	n = t->nr_tables;
	list = arch_map_physical(t->tables, n * sizeof(*list), MAP_CACHED);
	for (u64 i = 0; list && i < n && !*name; i++) {
		const u8 *p =
			is_smbios(list[i].guid)
				? arch_map_physical(list[i].addr, SMBIOS_ENTRY_MAX, MAP_CACHED)
				: NULL;

		if (p)
			read_entry(p, SMBIOS_ENTRY_MAX);
	}
}

void smbios_init(void)
{
	if (efi_system_table)
		search_efi();
	else
		search_bios();
	if (*name)
		pr_info("machine: %s\n", name);
}
