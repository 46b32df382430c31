/* The PCI bus: which devices there are, where their registers lie, and their interrupts. */
#pragma once

#include "kernel/lib/types.h"

struct pci_function {
	u8 bus, device, function;
	u16 vendor, id;
	u32 class; /* base class, subclass and programming interface: 0x0c0330 is xHCI */
};

/* Call fn(function, arg) for each function of each device, bridges included. */
void pci_foreach(void (*fn)(const struct pci_function *f, void *arg), void *arg);

/* Configuration space; `offset` is a multiple of 4. Any context. */
u32 pci_read(const struct pci_function *f, u16 offset);
void pci_write(const struct pci_function *f, u16 offset, u32 value);

/* The address of a memory BAR and its size; 0: it is none, or the firmware gave it no address. */
phys_addr_t pci_memory_bar(const struct pci_function *f, u32 bar, u64 *size);
/* Let the device answer at its BARs, and read and write memory by itself; or keep it from memory.
 * Its interrupt line stays off. */
void pci_enable(const struct pci_function *f);
void pci_disable(const struct pci_function *f);
/* Have the device, which is enabled, interrupt the first CPU by MSI or MSI-X. False: it can do
 * neither. */
bool pci_use_msi(const struct pci_function *f, u8 vector);
