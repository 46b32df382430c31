/* The devices on the PCI buses, in words: for people who report how a machine did. */
#include "arch/x86_64/arch.h"
#include "arch/x86_64/dev/pci/pci.h"
#include "kernel/lib/log.h"
#include "kernel/lib/string.h"

#define CLASS_BRIDGE 0x06
#define KIND_BITS    8 /* the class is base class, subclass, programming interface */

/* PCI Code and ID Assignment Specification 1.11, chapter 1. Any subclass, if none is named. */
static const struct {
	u32 kind; /* base class and subclass */
	bool any;
	const char *name;
} kinds[] = {
	{0x0101, false, "IDE"},          {0x0106, false, "SATA"},
	{0x0108, false, "NVMe"},         {0x0100, true, "storage"},
	{0x0200, false, "Ethernet"},     {0x0280, true, "network"},
	{0x0300, true, "display"},       {0x0400, true, "multimedia"},
	{0x0500, true, "memory"},        {0x0600, false, "host bridge"},
	{0x0601, false, "ISA bridge"},   {0x0604, false, "PCI bridge"},
	{0x0600, true, "bridge"},        {0x0700, true, "communication"},
	{0x0800, true, "system device"}, {0x0900, true, "input"},
	{0x0c03, false, "USB"},          {0x0c05, false, "SMBus"},
	{0x0c00, true, "serial bus"},    {0x0d00, true, "wireless"},
};

static const char *kind_name(u32 class)
{
	u32 kind = class >> KIND_BITS;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (kinds[i].any ? kinds[i].kind >> 8 == kind >> 8 : kinds[i].kind == kind)
			return kinds[i].name;
	return "other";
}

struct listing {
	void (*print)(const char *fmt, ...) __printf(1, 2);
};

static void print_one(const struct pci_function *f, void *arg)
{
	const struct listing *l = arg;

	l->print("%02x:%02x.%u %04x:%04x class %06x: %s\n", f->bus, f->device, f->function,
		 f->vendor, f->id, f->class, kind_name(f->class));
}

void arch_print_devices(void (*print)(const char *fmt, ...) __printf(1, 2))
{
	struct listing l = {print};

	pci_foreach(print_one, &l);
}

struct ids {
	char *buf;
	size_t size;
	u32 left_out;
};

/* A device with several functions of the same kind, or several like devices, are named once. */
static void add_id(const struct pci_function *f, void *arg)
{
	struct ids *ids = arg;
	size_t at = strlen(ids->buf);
	char id[16];

	scnprintf(id, sizeof(id), " %04x:%04x", f->vendor, f->id);
	if (f->class >> 16 == CLASS_BRIDGE || strstr(ids->buf, id))
		return;
	if (at + strlen(id) < ids->size)
		scnprintf(ids->buf + at, ids->size - at, "%s", id);
	else
		ids->left_out++;
}

u32 arch_device_ids(char *buf, size_t n)
{
	struct ids ids = {.buf = buf, .size = n};

	*buf = '\0';
	pci_foreach(add_id, &ids);
	return ids.left_out;
}
