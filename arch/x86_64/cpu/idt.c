/* The IDT: every vector goes to its stub in entry/stubs.asm through an interrupt gate. Interrupts
 * stay off until C code has seen whether they were on. */
#include "arch/x86_64/cpu/idt.h"

#include "arch/x86_64/arch.h"
#include "arch/x86_64/cpu/features.h"
#include "arch/x86_64/cpu/gdt.h"
#include "arch/x86_64/cpu/traps.h"

#define NR_VECTORS     256
#define STUB_SIZE      16
#define INTERRUPT_GATE 0x8e
#define USER_CALLABLE  0x60 /* DPL 3: INT3 and INTO */

/* SDM vol. 3A, figure 6-8. */
struct gate {
	u16 offset_low, selector;
	u8 ist, type;
	u16 offset_mid;
	u32 offset_high, reserved;
};

extern const u8 trap_stubs[NR_VECTORS][STUB_SIZE], debug_emulated[];
static struct gate idt[NR_VECTORS] __aligned(16);

static const u8 ist_of[NR_VECTORS] = {
	[TRAP_DEBUG] = IST_DEBUG,
	[TRAP_NMI] = IST_NMI,
	[TRAP_DOUBLE_FAULT] = IST_DOUBLE_FAULT,
	[TRAP_MACHINE_CHECK] = IST_MACHINE_CHECK,
};

void idt_init(void)
{
	for (unsigned int i = 0; i < NR_VECTORS; i++) {
		bool twice = i == TRAP_DEBUG && emulated_by_qemu(); /* see debug_emulated */
		u64 stub = (u64)(twice ? debug_emulated : trap_stubs[i]);
		bool user = i == TRAP_BREAKPOINT || i == TRAP_OVERFLOW;

		idt[i] = (struct gate){
			.offset_low = (u16)stub,
			.offset_mid = (u16)(stub >> 16),
			.offset_high = (u32)(stub >> 32),
			.selector = KERNEL_CS,
			.ist = twice ? 0 : ist_of[i],
			.type = INTERRUPT_GATE | (user ? USER_CALLABLE : 0),
		};
	}
}

void idt_load(void)
{
	struct table_pointer pointer = {sizeof(idt) - 1, (u64)idt};

	__asm__ volatile("lidt %0" ::"m"(pointer));
}
