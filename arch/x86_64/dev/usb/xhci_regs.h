/* The registers of an xHCI controller: sections 5 and 7.1 of the specification 1.2. */
#pragma once

#include "arch/x86_64/dev/io.h"
#include "arch/x86_64/dev/usb/xhci.h"

#define CAP_LENGTH     0x00
#define CAP_STRUCTURE1 0x04
#define CAP_STRUCTURE2 0x08
#define CAP_CAPS1      0x10
#define CAP_DOORBELLS  0x14
#define CAP_RUNTIME    0x18

#define CAPS1_64_BYTES (1u << 2)

#define OP_COMMAND  0x00
#define OP_STATUS   0x04
#define OP_PAGESIZE 0x08
#define OP_RING     0x18
#define OP_CONTEXTS 0x30
#define OP_CONFIG   0x38
#define OP_PORT(n)  (0x400 + 16 * ((n)-1))

#define RING_CYCLE   (1u << 0)
#define RING_ABORT   (1u << 2)
#define RING_RUNNING (1u << 3)

#define COMMAND_RUN       (1u << 0)
#define COMMAND_RESET     (1u << 1)
#define COMMAND_INTERRUPT (1u << 2)
#define STATUS_HALTED     (1u << 0)
#define STATUS_FATAL      (STATUS_HALTED | 1u << 2 | 1u << 12) /* while it should run */
#define STATUS_EVENT      (1u << 3)
#define STATUS_NOT_READY  (1u << 11)

#define PORT_CONNECTED  (1u << 0)
#define PORT_ENABLED    (1u << 1) /* writing 1 disables it */
#define PORT_RESET      (1u << 4)
#define PORT_POWER      (1u << 9)
#define PORT_SPEED(v)   ((v) >> 10 & 15)
#define PORT_C_CONNECT  (1u << 17)
#define PORT_C_RESET    (1u << 21)
#define PORT_CHANGES    (0x7fu << 17) /* writing 1 clears them */
#define PORT_WARM_RESET (1u << 31)
#define PORT_KEEP       (PORT_POWER | 3u << 14 | 7u << 25) /* written as they are read */

/* Interrupter 0, in the runtime registers. */
#define RUN_MANAGEMENT 0x20
#define RUN_MODERATION 0x24
#define RUN_TABLE_SIZE 0x28
#define RUN_TABLE      0x30
#define RUN_DEQUEUE    0x38
#define IMAN_PENDING   (1u << 0)
#define IMAN_ENABLE    (1u << 1)
#define DEQUEUE_BUSY   (1u << 3)

/* Extended capabilities: 7.1. */
#define EXT_LEGACY        1
#define EXT_MAX           64
#define LEGACY_BIOS_OWNED (1u << 16)
#define LEGACY_OS_OWNED   (1u << 24)
#define LEGACY_CONTROL    4
#define LEGACY_SMI_ENABLE (1u << 0 | 1u << 4 | 7u << 13)
#define LEGACY_SMI_EVENTS (7u << 29) /* writing 1 clears them */

#define XHCI_WAIT_NS NSEC_PER_SEC

static inline u32 op_read(const struct xhci *x, u32 reg)
{
	return mmio_read32(x->op + reg);
}

static inline void op_write(struct xhci *x, u32 reg, u32 value)
{
	mmio_write32(x->op + reg, value);
}

static inline void write_address(volatile u8 *reg, phys_addr_t pa)
{
	mmio_write32(reg, (u32)pa);
	mmio_write32(reg + 4, (u32)(pa >> 32));
}

/* Until the bits of an operational register are as wanted; false: not within XHCI_WAIT_NS. */
bool xhci_wait_for(const struct xhci *x, u32 reg, u32 mask, u32 value);
