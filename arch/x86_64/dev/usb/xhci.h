/* The xHCI host controller: eXtensible Host Controller Interface 1.2. */
#pragma once

#include "arch/x86_64/dev/pci/pci.h"
#include "arch/x86_64/dev/usb/usb.h"
#include "kernel/lib/bitmap.h"
#include "kernel/lib/types.h"

#define XHCI_MAX_PORTS 255
#define XHCI_MAX_SLOTS 64u /* devices at one controller */

struct xhci_trb {
	u64 parameter;
	u32 status, control;
};
#define TRB_CYCLE (1u << 0)
#define RING_TRBS (PAGE_SIZE / sizeof(struct xhci_trb))

struct xhci {
	char name[10]; /* "00:1f.3" */
	struct pci_function pci;
	volatile u8 *op, *runtime, *doorbells;
	u32 context_size; /* 32 or 64 bytes */
	u32 nr_ports, nr_slots;
	bool running;     /* false: it has not been started, or it was given up */
	bool polled;      /* its interrupts do not arrive */
	bool news;        /* events were taken since serve() began with it */
	u64 *contexts;    /* physical, by slot */
	u64 *scratchpads; /* physical, the controller's own pages; NULL: it wants none */
	u64 *segments;    /* of the event ring */
	struct xhci_ring commands, events;
	u64 changed[BITS_TO_WORDS(XHCI_MAX_PORTS + 1)]; /* ports with news */
	struct usb_port ports[XHCI_MAX_PORTS + 1];      /* from 1 */
	struct usb_device *device[XHCI_MAX_SLOTS + 1];  /* by slot */
	struct {
		phys_addr_t trb; /* whose end is awaited; 0: no request is under way */
		u8 slot;         /* of a control transfer; 0: a command */
		bool done;
		u8 code, result_slot;
	} request;
};

/* ---- xhci_start.c ---- */
/* Take the controller over and start it. 0, or an error that has been reported. */
int xhci_start(struct xhci *x, const struct pci_function *f);

/* ---- xhci.c ---- */
/* Take the events that have come. Never waits. */
void xhci_poll(struct xhci *x);
/* A port, from 1, has news: attach or detach. */
void xhci_port(struct xhci *x, u8 port);
/* A command that does nothing, first begun and then waited for. False: it was not answered. */
void xhci_begin_greeting(struct xhci *x);
bool xhci_end_greeting(struct xhci *x);

/* Give the device a slot and an address. All of these: 0 or an error. */
int xhci_address_device(struct usb_device *d);
int xhci_set_max_packet(struct usb_device *d, u16 max_packet); /* of endpoint 0 */
int xhci_add_interrupt_endpoint(struct usb_device *d);
int xhci_make_hub(struct usb_device *d, u8 think_time);
int xhci_control(struct usb_device *d, u64 setup, bool in, u16 len);
void xhci_listen(struct usb_device *d); /* queue one transfer from the interrupt endpoint */
int xhci_restart_endpoint(struct usb_device *d); /* the interrupt endpoint, after an error */
void xhci_release_device(struct usb_device *d);

/* Memory that the controller reads and writes: a page, zeroed, below 4 GiB, because some reach no
 * further. NULL without memory. */
void *dma_page(void);
void dma_free(void *page); /* or NULL */
/* `links`: the last block leads back to the first. False without memory. */
bool ring_create(struct xhci_ring *r, bool links);

/* ---- usb.c ---- */
/* Sleep until an interrupt comes, `until`, or for some milliseconds; then take all events. */
void usb_wait_for_event(u64 until);
