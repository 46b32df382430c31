/*
 * What the firmware's tables say about this PC.
 *
 * acpi_parse.c reads the tables and is pure (tests/unit/acpi_test.c); acpi.c finds and maps them.
 */
#pragma once

#include "kernel/lib/types.h"

#define ACPI_MAX_CPUS    512
#define ACPI_MAX_IOAPICS 8
#define ACPI_ISA_IRQS    16
#define ACPI_MAX_IOMMUS  8

struct acpi_ioapic {
	u8 id;
	u32 gsi_base;
	phys_addr_t base;
};

/* How an ISA line is wired to the I/O APICs. */
struct acpi_isa_irq {
	u32 gsi;
	bool active_low, level;
};

/* A register that may be a port or memory ("generic address structure"). */
struct acpi_register {
	u8 space; /* ACPI_SPACE_* */
	u8 width; /* bits */
	u64 addr; /* 0: there is none */
};
#define ACPI_SPACE_MEMORY 0
#define ACPI_SPACE_IO     1
#define ACPI_SPACE_PCI    2

struct acpi_iommu {
	phys_addr_t base;
	bool amd; /* else Intel's VT-d */
};

struct acpi_info {
	bool has_madt, has_fadt, has_hpet, has_s5;
	/* MADT */
	phys_addr_t lapic_base;
	u32 nr_cpus, nr_ioapics;
	u32 nr_cpus_beyond;             /* enabled processors that cpu_apic_id[] has no room for */
	u32 cpu_apic_id[ACPI_MAX_CPUS]; /* enabled processors */
	struct acpi_ioapic ioapic[ACPI_MAX_IOAPICS];
	struct acpi_isa_irq isa[ACPI_ISA_IRQS];
	/* FADT. Hardware-reduced: there are no PM1 registers, PM timer and SMI port. */
	bool hw_reduced, no_msi, no_cmos;
	u16 sci_irq;
	u16 smi_port;
	u8 acpi_enable;
	u16 pm1a_cnt, pm1b_cnt;
	u16 pm_timer;
	bool pm_timer_32bit;
	u8 century; /* CMOS register, 0: none */
	struct acpi_register reset;
	u8 reset_value;
	struct acpi_register sleep_control, sleep_status; /* hardware-reduced only */
	phys_addr_t dsdt;
	/* \_S5_ */
	u8 s5_type_a, s5_type_b;
	/* HPET */
	phys_addr_t hpet_base;
	/* MCFG: PCI configuration space in memory, of segment 0; base 0: none */
	phys_addr_t ecam_base;
	u8 ecam_first_bus, ecam_last_bus;
	/* DMAR, IVRS */
	struct acpi_iommu iommu[ACPI_MAX_IOMMUS];
	u32 nr_iommus;
};

/* ---- acpi_parse.c: reads only [table, table + len) ---- */
struct acpi_header {
	char signature[4];
	u32 length;
	u8 revision, checksum;
	char oem_id[6], oem_table_id[8];
	u32 oem_revision, creator_id, creator_revision;
} __packed;

bool acpi_checksum_ok(const void *p, size_t n);
/* Is there a root pointer with a right checksum at p? `avail` bytes may be read. */
bool acpi_rsdp_ok(const void *p, size_t avail);
/* The root table that a good root pointer names; *wide: 64-bit entries. */
phys_addr_t acpi_rsdp_root(const void *p, size_t avail, bool *wide);
/* Each reads one table. The caller has checked its header, length and checksum. */
void acpi_parse_madt(struct acpi_info *info, const void *table, size_t len);
void acpi_parse_fadt(struct acpi_info *info, const void *table, size_t len);
void acpi_parse_hpet(struct acpi_info *info, const void *table, size_t len);
void acpi_parse_mcfg(struct acpi_info *info, const void *table, size_t len);
void acpi_parse_dmar(struct acpi_info *info, const void *table, size_t len);
void acpi_parse_ivrs(struct acpi_info *info, const void *table, size_t len);
void acpi_parse_dsdt(struct acpi_info *info, const void *table, size_t len);
void acpi_info_init(struct acpi_info *info);

/* ---- acpi.c ---- */
extern struct acpi_info acpi;
void acpi_set_rsdp(phys_addr_t addr); /* where the loader found the root pointer; 0: search */
void acpi_init(void);                 /* read the tables; without them acpi.has_* stay false */
/* Switch the machine off, or reset it. They return if that does not work. */
void acpi_poweroff(void);
void acpi_reset(void);
