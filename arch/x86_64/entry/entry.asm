; The doors between user mode and the kernel: system calls, traps, interrupts, and the way back.
;
; At every C call below, the stack holds one struct pt_regs (entry/regs.h), highest address first:
;
;      rsp+160  ss       \
;      rsp+152  rsp       |  pushed by the CPU for a trap or an interrupt,
;      rsp+144  rflags    |  by syscall_entry for a system call
;      rsp+136  cs        |
;      rsp+128  rip      /
;      rsp+120  orig_rax    system call number; error code of a trap, until C has read it; -1
;      rsp+112  rdi
;      rsp+104  rsi
;      rsp+96   rdx
;      rsp+88   rcx
;      rsp+80   rax         the system call's result
;      rsp+72   r8 … r11 (48)
;      rsp+40   rbx, rbp, r12 … r15 (0)
;
; Coming from user mode that frame is the top of the task's kernel stack (task_pt_regs()). GS belongs to the
; kernel from the first swapgs to the last.

%include "arch/x86_64/entry/asm.inc"

MSR_GS_BASE	equ 0xc0000101
RFLAGS_TF	equ 0x100
RFLAGS_TF_RF	equ 0x10100

section .entry.text exec nowrite alloc progbits align=16

global syscall_entry, trap_common, debug_common, debug_emulated, paranoid_common, ret_from_fork
extern syscall_handlers, syscalls_watched, do_syscall
extern trap_dispatch, exit_to_user_work, user_rip_fault, schedule_tail, do_exit

; Jump to %1 if a better task waits, or current has work to do before it returns (enum task_work).
; Interrupts are off from here to the last instruction: work that comes up later interrupts user mode.
%macro JUMP_IF_WORK 1
	mov	rcx, [gs:CPU_CURRENT]
	mov	ecx, [rcx + TASK_WORK]
	or	ecx, [gs:CPU_NEED_RESCHED]
	jnz	%1
%endmacro

; ---- system calls: SYSCALL left rip in rcx, rflags in r11, rsp alone; interrupts are off (FMASK) ----
;
; The arguments stay in their registers, which are those of a C function; only the fourth moves. The number is an int:
; the upper half of rax is ignored.
syscall_entry:
	swapgs
	mov	[gs:CPU_USER_SP], rsp
	mov	rsp, [gs:CPU_KERNEL_SP]
	push	USER_DS
	push	qword [gs:CPU_USER_SP]
	push	r11
	push	USER_CS
	push	rcx
	push	rax			; orig_rax
	push	rdi
	PUSH_AFTER_RDI
	xor	ebp, ebp		; backtraces end here
	sti
	mov	eax, eax
	cmp	eax, NR_SYSCALLS
	jae	.unusual
	cmp	dword [syscalls_watched], 0
	jne	.unusual
	mov	rcx, r10
	call	[syscall_handlers + rax * 8]
.done:	cli
	JUMP_IF_WORK .work

	; The short way back. Callee-saved registers still hold their values; the others are restored from the frame.
	; It is unchanged, since code that changes a frame sets WORK_FRAME. So rcx is rip and r11 is rflags, as SYSRET
	; needs them, and rip is canonical: the last page below the hole is never mapped.
	test	dword [rsp + REGS_RFLAGS], RFLAGS_TF
	jnz	.single_step
	mov	rbp, [rsp + REGS_RBP]
	add	rsp, REGS_R11
	pop	r11
	pop	r10
	pop	r9
	pop	r8
	pop	rcx			; not rax: it is the result
	pop	rcx
	pop	rdx
	pop	rsi
	pop	rdi
	mov	rsp, [rsp + REGS_RSP - REGS_ORIG_RAX]
	swapgs
	o64 sysret

.unusual:				; no such number, or somebody watches calls
	mov	rdi, rsp
	movsxd	rsi, eax
	call	do_syscall
	jmp	.done

.single_step:				; after SYSRET, TF would trap before the next instruction, not after it
	mov	[rsp + REGS_RAX], rax
	jmp	whole_frame
.work:	mov	[rsp + REGS_RAX], rax
	jmp	work_then_whole_frame

; ---- back to user mode with every register from the frame that rsp points to ----
return_to_user:
	cli
	JUMP_IF_WORK work_then_whole_frame
whole_frame:
	mov	rcx, [rsp + REGS_RIP]
	mov	rax, rcx
	shr	rax, 47
	jnz	.bad_rip
	; SYSRET takes rip from rcx and rflags from r11: it can be used if a system call came in with these and neither
	; a signal nor exec has changed them. It cannot restore RF and mishandles TF.
	cmp	rcx, [rsp + REGS_RCX]
	jne	iret_to_user
	mov	r11, [rsp + REGS_RFLAGS]
	cmp	r11, [rsp + REGS_R11]
	jne	iret_to_user
	test	r11d, RFLAGS_TF_RF
	jnz	iret_to_user
	cmp	qword [rsp + REGS_CS], USER_CS
	jne	iret_to_user
	cmp	qword [rsp + REGS_SS], USER_DS
	jne	iret_to_user

	POP_ALL				; rcx and r11 are what they must be
	mov	rsp, [rsp + REGS_RSP - REGS_ORIG_RAX]
	swapgs
	o64 sysret

; A non-canonical address must never reach SYSRET or IRET: they would fault in ring 0 with the user's GS. The task
; gets SIGSEGV instead.
.bad_rip:
	mov	rdi, rsp
	call	user_rip_fault
	jmp	return_to_user

work_then_whole_frame:
	mov	rdi, rsp
	call	exit_to_user_work	; returns with interrupts off and no work left
	jmp	whole_frame

iret_to_user:
	POP_ALL
	add	rsp, 8			; orig_rax
	swapgs
	iretq

; ---- traps and interrupts ----
trap_common:
	PUSH_TRAP_FRAME
	mov	rdi, rsp
	test	byte [rsp + REGS_CS], 3
	jz	.from_kernel
	swapgs
	xor	ebp, ebp
	call	trap_dispatch
	cli
	JUMP_IF_WORK work_then_whole_frame
	jmp	iret_to_user		; rip is unchanged, or there would be work

.from_kernel:
	; A link for backtraces: [rbp] the interrupted function's rbp, [rbp + 8] its rip, as if it had called the
	; handler.
	push	qword [rsp + REGS_RIP]
	push	rbp
	mov	rbp, rsp
	call	trap_dispatch
	add	rsp, 16
	POP_ALL
	add	rsp, 8
	iretq

; ---- #DB: on a stack of its own, since MOV SS delays a data breakpoint beyond a following SYSCALL (SDM vol. 3A, 6.8.3):
; it then comes at the first instruction of syscall_entry, with the user's stack and GS. From user mode it goes on as any
; other trap, on the task's stack.
debug_common:
	test	byte [rsp + 24], 3	; above the vector, an error code and rip
	jz	paranoid_common
	push	rax
	mov	rax, rsp
	swapgs
	mov	rsp, [gs:CPU_KERNEL_SP]
	swapgs				; trap_common does it
%assign offset 56			; ss, rsp, rflags, cs, rip, error code, vector
%rep 7
	push	qword [rax + offset]
%assign offset offset - 8
%endrep
	mov	rax, [rax]
	jmp	trap_common

; ---- #DB in QEMU's emulator, on no stack of its own ----
; When a step is also a watched access, the emulator traps twice: for both, and before the first instruction below once
; more, for the access. On the same stack the second frame would replace the first. Nor does MOV SS delay anything there.
debug_emulated:
	push	-1
	push	1
	test	byte [rsp + 24], 3
	jnz	trap_common
	cmp	qword [rsp + 16], debug_emulated
	jne	trap_common
	add	rsp, 16
	iretq				; DR6 is left to the first

; ---- #DF, NMI, #MC: on stacks of their own, and possibly between an entry and its swapgs ----
; GS may be the kernel's or the user's, and its base does not tell which: with FSGSBASE a program sets any. So this
; saves the base, whatever it is, and loads the CPU's own from above the frame, where gdt.c has put it.
paranoid_common:
	PUSH_TRAP_FRAME
	mov	ecx, MSR_GS_BASE
	rdmsr
	shl	rdx, 32
	lea	rbx, [rax + rdx]
	mov	rax, [rsp + REGS_SIZE]
	mov	rdx, rax
	shr	rdx, 32
	wrmsr
	mov	rdi, rsp
	call	trap_dispatch
	mov	eax, ebx
	shr	rbx, 32
	mov	edx, ebx
	mov	ecx, MSR_GS_BASE
	wrmsr
	POP_ALL
	add	rsp, 8
	iretq

; ---- the first instructions of every new task: process.c laid out its stack ----
; rax = the task that ran before (from switch_stacks). A kernel thread has no user registers: its function and argument
; are in the places of rbx and r12.
ret_from_fork:
	mov	rdi, rax
	call	schedule_tail
	cmp	qword [rsp + REGS_CS], USER_CS
	je	return_to_user
	mov	rdi, [rsp + REGS_R12]
	call	[rsp + REGS_RBX]
	cmp	qword [rsp + REGS_CS], USER_CS
	je	return_to_user		; the thread has become a user program
	mov	edi, eax		; the function's value is the exit code
	call	do_exit
