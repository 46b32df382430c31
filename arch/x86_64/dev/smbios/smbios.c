/* Finding and mapping the SMBIOS table. */
#include "arch/x86_64/dev/smbios/smbios.h"

#include "arch/x86_64/arch.h"
#include "arch/x86_64/mm/paging.h"
#include "kernel/lib/log.h"
#include "kernel/lib/string.h"

static phys_addr_t efi_table;
static struct smbios_info info;
static char name[2 * SMBIOS_TEXT]; /* of the machine: its maker and its model */

void smbios_set_efi(phys_addr_t system_table)
{
	efi_table = system_table;
}

static const void *map(phys_addr_t pa, size_t size)
{
	return arch_map_physical(pa, size, MAP_CACHED);
}

/* Look for an entry point in [start, start + size), which is aligned to 16. */
static bool search(phys_addr_t start, size_t size, phys_addr_t *table, u32 *len)
{
	const u8 *p = map(start, size);

	for (size_t at = 0; p && at < size; at += 16)
		if (smbios_entry(p + at, size - at, table, len))
			return true;
	return false;
}

/* UEFI specification 2.10, 4.3 and 4.6. */
struct efi_config {
	u8 guid[16];
	u64 table;
};
#define EFI_SIGNATURE     0x5453595320494249UL /* "IBI SYST" */
#define EFI_CONFIG_COUNT  13                   /* 64-bit words of the system table */
#define EFI_CONFIG_TABLES 14
#define EFI_CONFIG_MAX    256UL

static bool search_efi(phys_addr_t *table, u32 *len)
{
	static const u8 guids[2][16] = {
		{0x31, 0x2d, 0x9d, 0xeb, 0x88, 0x2d, 0xd3, 0x11, 0x9a, 0x16, 0x00, 0x90, 0x27, 0x3f,
		 0xc1, 0x4d},
		{0x44, 0x15, 0xfd, 0xf2, 0x94, 0x97, 0x2c, 0x4a, 0x99, 0x2e, 0xe5, 0xbb, 0xcf, 0x20,
		 0xe3, 0x94},
	};
	const u64 *system = efi_table ? map(efi_table, (EFI_CONFIG_TABLES + 1) * 8) : NULL;
	const struct efi_config *config;
	u64 n;

	if (!system || system[0] != EFI_SIGNATURE)
		return false;
	n = MIN(system[EFI_CONFIG_COUNT], EFI_CONFIG_MAX);
	config = map(system[EFI_CONFIG_TABLES], n * sizeof(*config));
	for (u64 i = 0; config && i < n; i++)
		for (int kind = 0; kind < 2; kind++)
			if (memcmp(config[i].guid, guids[kind], 16) == 0 &&
			    search(config[i].table, 32, table, len))
				return true;
	return false;
}

const char *arch_machine_name(void)
{
	return name;
}

void arch_print_board(void (*print)(const char *fmt, ...) __printf(1, 2))
{
	if (info.vendor[0])
		print("firmware: %s %s %s\n", info.vendor, info.version, info.date);
	if (info.system[0])
		print("system: %s %s\n", info.system_maker, info.system);
	if (info.board[0])
		print("board: %s %s\n", info.board_maker, info.board);
}

void smbios_init(void)
{
	phys_addr_t table = 0;
	u32 len = 0;
	const void *mapped = search_efi(&table, &len) || search(0xf0000, 0x10000, &table, &len)
				     ? map(table, len)
				     : NULL;

	if (mapped)
		smbios_parse(&info, mapped, len);
	scnprintf(name, sizeof(name), "%s%s%s", info.system_maker, *info.system_maker ? " " : "",
		  info.system);
	arch_print_board(pr_info);
}
