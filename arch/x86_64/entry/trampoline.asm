; The first instructions of every CPU but the boot CPU: from real mode to C in two steps.
;
; smp.c copies the code from trampoline_start to trampoline_end to a page below 1 MiB, where a CPU begins in real mode
; after a startup interrupt. It goes to long mode on the boot page tables, which map the first 4 GiB at their own
; addresses; then to the kernel's text, on the kernel's tables.

%include "offsets.inc"
%include "arch/x86_64/cpu/control.inc"

TRAMPOLINE	equ 0x8000		; smp.c

; ap_state, smp.c
AP_AWAITED	equ 1
AP_ARRIVED	equ 2

; The address of a label in the copy.
%define COPY(label) (TRAMPOLINE + (label - trampoline_start))

section .rodata align=16 noexec nowrite alloc progbits

global trampoline_start, trampoline_end
extern ap_state, ap_cr3, ap_stack, ap_cpu, ap_main, boot_pml4

bits 16
trampoline_start:
	cli
	cld
	xor	ax, ax
	mov	ds, ax
	o32 lgdt [COPY(.gdt_pointer)]
	mov	eax, CR4_PAE
	mov	cr4, eax
	mov	eax, [COPY(.boot_tables)]
	mov	cr3, eax
	mov	eax, EFER_SCE | EFER_LME | EFER_NXE
	xor	edx, edx
	mov	ecx, MSR_EFER
	wrmsr
	mov	eax, CR0_PG | CR0_WP | CR0_NE | CR0_ET | CR0_MP | CR0_PE
	mov	cr0, eax
	jmp	dword 0x08:COPY(.long_mode)

bits 64
.long_mode:
	mov	rax, ap_start
	jmp	rax

	align	8
.gdt:	dq	0
	dq	0x00af9b000000ffff	; 0x08: 64-bit code
	dq	0x00cf93000000ffff	; 0x10: data
.gdt_pointer:
	dw	.gdt_pointer - .gdt - 1
	dd	COPY(.gdt)
	align	4
.boot_tables:
	dd	boot_pml4 - KERNEL_BASE
trampoline_end:

section .text exec nowrite alloc progbits align=16

ap_start:
	mov	eax, 0x10
	mov	ds, eax
	mov	es, eax
	mov	ss, eax
	xor	eax, eax
	mov	fs, eax
	mov	gs, eax
	; A CPU that arrives after it was given up must not take the next one's variables. The CPU that changes the
	; state owns them.
	mov	eax, AP_AWAITED
	mov	ecx, AP_ARRIVED
	lock cmpxchg [rel ap_state], ecx
	jne	.too_late
	mov	rax, [rel ap_cr3]
	mov	cr3, rax
	mov	rsp, [rel ap_stack]
	mov	rdi, [rel ap_cpu]
	mov	rax, rdi		; `current` and preempt_count work from the first line of C
	mov	rdx, rax
	shr	rdx, 32
	mov	ecx, MSR_GS_BASE
	wrmsr
	xor	ebp, ebp		; the end of every backtrace
	call	ap_main
.too_late:
	cli
	hlt
	jmp	.too_late
