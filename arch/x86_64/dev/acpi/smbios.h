/* Who made this machine, by the firmware's SMBIOS tables (DMTF DSP0134). smbios_parse.c is pure
 * (tests/unit/smbios_test.c). */
#pragma once

#include "kernel/lib/types.h"

#define SMBIOS_ENTRY_MAX 32 /* bytes of an entry point, of either kind */

/* Is there an entry point at p, of which `avail` bytes may be read? Then where the table is. */
bool smbios_entry(const u8 *p, size_t avail, phys_addr_t *table, size_t *len);
/* "MAKER PRODUCT" out of a table, in printable ASCII; "" if it does not say. */
void smbios_system(const u8 *table, size_t len, char *out, size_t n);

void smbios_set_efi(phys_addr_t system_table); /* from the loader; 0: there is none */
void smbios_init(void);
