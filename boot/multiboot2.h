/* The boot loader's structure, read once. */
#pragma once

#include "kernel/lib/types.h"

#define MULTIBOOT2_LOADER_MAGIC 0x36d76289 /* in eax at the entry */

struct boot_info;

/* Fill `boot` from the structure at physical address `info`, as far as that is valid. */
void multiboot2_read(struct boot_info *boot, phys_addr_t info);
