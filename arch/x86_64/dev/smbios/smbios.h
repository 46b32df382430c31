/*
 * What the firmware calls itself and the board: System Management BIOS.
 *
 * smbios_parse.c is pure (tests/unit/smbios_test.c); smbios.c finds and maps the table.
 */
#pragma once

#include "kernel/lib/types.h"

#define SMBIOS_TEXT 48 /* longer texts are cut */

/* Empty where the firmware says nothing. */
struct smbios_info {
	char vendor[SMBIOS_TEXT], version[SMBIOS_TEXT], date[SMBIOS_TEXT]; /* of the firmware */
	char system_maker[SMBIOS_TEXT], system[SMBIOS_TEXT];
	char board_maker[SMBIOS_TEXT], board[SMBIOS_TEXT];
};

/* Where the table is: from an entry point of which `avail` bytes may be read. False: it is none. */
bool smbios_entry(const void *p, size_t avail, phys_addr_t *table, u32 *len);
/* Read a table of structures; only [table, table + len) is looked at. */
void smbios_parse(struct smbios_info *info, const void *table, size_t len);

void smbios_set_efi(phys_addr_t system_table); /* 0: the firmware is a BIOS */
void smbios_init(void);
