/* Prints registers and the chain of callers. For a panic too: takes no lock, trusts no pointer. */
#include "arch/x86_64/arch.h"
#include "arch/x86_64/cpu/msr.h"
#include "kernel/debug/debug.h"
#include "kernel/lib/log.h"

#define MAX_FRAMES 32

#define PUSH_RBP     0x55
#define MOV_RBP_RSP  0xe58948 /* 48 89 e5 */
#define MAX_PROLOGUE 32       /* bytes */

bool kernel_read_u64(const void *src, u64 *value); /* entry/user_copy.asm */

static void print_frame(u64 rip, void (*print)(const char *fmt, ...) __printf(1, 2))
{
	char name[80];

	print("  [%016lx] %s\n", rip, symbol_name(rip, name, sizeof(name)));
}

/* Find the return address of a function that was interrupted before it set up its frame. It begins
 * with `push rbp` and, perhaps a few instructions later, `mov rbp, rsp`; until then no frame leads
 * to its caller. 0 behind that point. */
static u64 caller_before_frame(const struct pt_regs *regs)
{
	u64 start = symbol_start(regs->rip), code, rip = 0;

	if (start == 0 || !kernel_read_u64((void *)start, &code) || (code & 0xff) != PUSH_RBP)
		return 0;
	if (regs->rip == start) {
		kernel_read_u64((void *)regs->rsp, &rip);
		return rip;
	}
	for (u64 at = start + 1; at < start + MAX_PROLOGUE && kernel_read_u64((void *)at, &code);
	     at++)
		if ((code & 0xffffff) == MOV_RBP_RSP) {
			if (regs->rip <= at)
				kernel_read_u64((void *)(regs->rsp + 8), &rip);
			break;
		}
	return rip;
}

void arch_backtrace(const struct pt_regs *regs, void (*print)(const char *fmt, ...) __printf(1, 2))
{
	u64 rbp = (u64)__builtin_frame_address(0), rip;

	if (regs) {
		print_frame(regs->rip, print);
		if (user_mode(regs))
			return; /* user frames are not followed */
		rbp = regs->rbp;
		rip = caller_before_frame(regs);
		if (rip)
			print_frame(rip - 1, print);
	}
	for (int i = 0; i < MAX_FRAMES; i++) {
		u64 next;

		if (rbp < KERNEL_SPACE_START || (rbp & 7) ||
		    !kernel_read_u64((void *)(rbp + 8), &rip) ||
		    !kernel_read_u64((void *)rbp, &next) || rip < KERNEL_IMAGE_BASE)
			break;
		print_frame(rip - 1, print); /* inside the call: it may be its function's last */
		rbp = next;
	}
}

void arch_print_regs(const struct pt_regs *regs, void (*print)(const char *fmt, ...) __printf(1, 2))
{
	char name[80];

	print("RIP %04lx:%016lx %s\n", regs->cs, regs->rip,
	      user_mode(regs) ? "(user)" : symbol_name(regs->rip, name, sizeof(name)));
	print("RSP %04lx:%016lx  RFLAGS %08lx\n", regs->ss, regs->rsp, regs->rflags);
	print("RAX %016lx  RBX %016lx  RCX %016lx\n", regs->rax, regs->rbx, regs->rcx);
	print("RDX %016lx  RSI %016lx  RDI %016lx\n", regs->rdx, regs->rsi, regs->rdi);
	print("RBP %016lx  R8  %016lx  R9  %016lx\n", regs->rbp, regs->r8, regs->r9);
	print("R10 %016lx  R11 %016lx  R12 %016lx\n", regs->r10, regs->r11, regs->r12);
	print("R13 %016lx  R14 %016lx  R15 %016lx\n", regs->r13, regs->r14, regs->r15);
	print("CR0 %08lx  CR2 %016lx  CR3 %09lx  CR4 %08lx\n", read_cr0(), read_cr2(), read_cr3(),
	      read_cr4());
}
