/* Why the chipset sent a non-maskable interrupt: port 0x61, as in every PC since the AT. */
#include "arch/x86_64/cpu/smp.h"
#include "arch/x86_64/dev/io.h"

#define SYSTEM_CONTROL 0x61
#define SERR           0x80
#define IOCHK          0x40

const char *nmi_reason(void)
{
	u8 state = inb(SYSTEM_CONTROL);

	if (state == 0xff) /* no such port */
		return "no reason given";
	if (state & SERR)
		return "a system error of memory or of a PCI device (SERR)";
	if (state & IOCHK)
		return "an error of an expansion card (IOCHK)";
	return "the chipset gives no reason: a watchdog, a button, or a failing device";
}
