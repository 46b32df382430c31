; From the loader to C: 32-bit protected mode, no paging -> 64-bit mode on the first page tables.
;
; The loader leaves eax = its magic and ebx = the address of its structure, interrupts off, flat segments.
; Until the far jump everything runs at the address it was loaded at; symbols linked in the high half are
; used minus KERNEL_BASE.

%include "offsets.inc"
%include "arch/x86_64/cpu/control.inc"

LOADER_MAGIC	equ 0x36d76289

PRESENT_WRITE	equ 3
PAGE_2M		equ 1 << 7

CPUID_LM	equ 1 << 29		; leaf 0x80000001, edx
CPUID_NX	equ 1 << 20
CPUID_CMOV	equ 1 << 15		; leaf 1, edx
EFLAGS_ID	equ 1 << 21

COM1		equ 0x3f8
VGA_TEXT	equ 0xb8000
VGA_CELLS	equ 80 * 25

section .boot align=16 exec nowrite alloc progbits
bits 32

global boot_start
extern boot_main, cpus

boot_start:
	cli
	cld
	mov	esp, init_stack_top - KERNEL_BASE
	mov	edi, eax		; kept until C: magic
	mov	ebp, ebx		; and structure
	call	check_cpu
	rdtsc
	mov	[boot_cycles - KERNEL_BASE], eax
	mov	[boot_cycles - KERNEL_BASE + 4], edx
	call	build_tables

	mov	eax, CR4_PAE
	mov	cr4, eax
	mov	eax, boot_pml4 - KERNEL_BASE
	mov	cr3, eax
	mov	eax, 0x80000001
	cpuid
	mov	eax, EFER_LME		; C checks the other features: it can write on any screen
	test	edx, CPUID_NX
	jz	.efer
	or	eax, EFER_NXE
.efer:	mov	ecx, MSR_EFER
	xor	edx, edx
	wrmsr
	mov	eax, CR0_PG | CR0_WP | CR0_NE | CR0_ET | CR0_MP | CR0_PE
	mov	cr0, eax
	lgdt	[gdt_pointer]
	jmp	0x08:long_mode

; ---- stop with a message if this CPU cannot run the kernel ----
check_cpu:
	mov	esi, message_long_mode
	pushfd				; the ID flag can be changed if the CPU has CPUID
	pop	eax
	mov	ecx, eax
	xor	eax, EFLAGS_ID
	push	eax
	popfd
	pushfd
	pop	eax
	push	ecx
	popfd
	cmp	eax, ecx
	je	refuse
	mov	eax, 0x80000000
	cpuid
	cmp	eax, 0x80000001
	jb	refuse
	mov	eax, 0x80000001
	cpuid
	test	edx, CPUID_LM
	jz	refuse
	mov	esi, message_cmov	; compilers use it everywhere
	mov	eax, 1
	cpuid
	test	edx, CPUID_CMOV
	jz	refuse
	ret

; Print the message in esi on the serial port and on the text screen, and stop.
refuse:
	push	esi
	mov	dx, COM1 + 5
	in	al, dx
	cmp	al, 0xff		; no serial port
	je	.screen
	mov	dx, COM1 + 3
	mov	al, 0x80		; the divisor, in place of the data:
	out	dx, al
	mov	dx, COM1
	mov	al, 1			; 115200 baud
	out	dx, al
	inc	dx
	mov	al, 0
	out	dx, al
	mov	dx, COM1 + 3
	mov	al, 3			; 8N1
	out	dx, al
.serial:
	lodsb
	test	al, al
	jz	.screen
	mov	ah, al
	mov	ecx, 100000		; do not wait for ever for a port that never gets ready
.wait:	mov	dx, COM1 + 5
	in	al, dx
	test	al, 0x20
	jnz	.send
	loop	.wait
.send:	mov	dx, COM1
	mov	al, ah
	out	dx, al
	jmp	.serial
.screen:
	pop	esi
	mov	edi, VGA_TEXT
	mov	ecx, VGA_CELLS
	mov	ax, 0x0720
	rep	stosw
	mov	edi, VGA_TEXT
	mov	ah, 0x0f
.cell:	lodsb
	cmp	al, ' '
	jb	.stop			; \r, \n and the end
	stosw
	jmp	.cell
.stop:	cli
	hlt
	jmp	.stop

; ---- first page tables: the first 4 GiB at 0 and in the direct map, the first 1 GiB at KERNEL_BASE, all in pages of 2 MiB
build_tables:
	mov	eax, boot_pdpt_low - KERNEL_BASE + PRESENT_WRITE
	mov	[boot_pml4 - KERNEL_BASE], eax
	mov	[boot_pml4 - KERNEL_BASE + 8 * ((PHYSMAP_BASE >> 39) & 511)], eax
	mov	dword [boot_pml4 - KERNEL_BASE + 8 * 511], boot_pdpt_high - KERNEL_BASE + PRESENT_WRITE
	mov	eax, boot_pds - KERNEL_BASE + PRESENT_WRITE
	mov	[boot_pdpt_high - KERNEL_BASE + 8 * 510], eax
	mov	ecx, 0
.pdpt:	mov	[boot_pdpt_low - KERNEL_BASE + ecx * 8], eax
	add	eax, 4096
	inc	ecx
	cmp	ecx, 4
	jb	.pdpt
	mov	eax, PAGE_2M | PRESENT_WRITE
	xor	ecx, ecx
.pd:	mov	[boot_pds - KERNEL_BASE + ecx * 8], eax
	add	eax, 2 << 20
	inc	ecx
	cmp	ecx, 4 * 512
	jb	.pd
	ret

bits 64
long_mode:
	mov	rax, .high
	jmp	rax
.high:
	mov	eax, 0x10
	mov	ds, eax
	mov	es, eax
	mov	ss, eax
	xor	eax, eax
	mov	fs, eax
	mov	gs, eax
	mov	rax, cpus		; `current` and preempt_count work from the first line of C
	mov	rdx, rax
	shr	rdx, 32
	mov	ecx, MSR_GS_BASE
	wrmsr
	mov	rsp, init_stack_top
	mov	rax, STACK_END_MAGIC
	mov	[init_stack], rax
	mov	esi, ebp
	xor	ebp, ebp		; the end of every backtrace
	mov	rax, boot_main
	call	rax
.halt:	hlt
	jmp	.halt

align 8
gdt:	dq	0
	dq	0x00af9b000000ffff	; 0x08: 64-bit code
	dq	0x00cf93000000ffff	; 0x10: data
gdt_pointer:
	dw	gdt_pointer - gdt - 1
	dq	gdt

message_long_mode:
	db	"Bident needs a 64-bit processor: this one has no long mode.", 13, 10, 0

message_cmov:
	db	"Bident needs a processor with the CMOV instructions: this one has none.", 13, 10, 0

section .bss.stack nobits alloc noexec write align=4096
global init_stack, init_stack_guard
init_stack_guard:
	resb	4096
init_stack:
	resb	KERNEL_STACK_SIZE
init_stack_top:

section .bss nobits alloc noexec write align=4096
global boot_pml4, boot_cycles
boot_pml4:	resb 4096
boot_pdpt_low:	resb 4096
boot_pdpt_high:	resb 4096
boot_pds:	resb 4 * 4096
boot_cycles:	resq 1			; the time-stamp counter when the loader left
