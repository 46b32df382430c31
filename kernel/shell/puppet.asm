; The puppet's program: asks the kernel for an order, carries it out, brings the result. It is copied into a page of its
; own and mapped at PUPPET_CODE in ring 3, so nothing here may refer to an address. It uses no stack: a child made with
; CLONE_VM runs on the same one, at the same time.
;
; The private call (NR_PUPPET_NEXT, kernel/shell/puppet.h) returns the order's number in rax, with rdi, rsi, rdx, r10,
; r8 and r9 loaded. rdi brings the result of the order before. fork's child comes out of the second `syscall` with rax = 0,
; falls into the loop like its parent, and so becomes a puppet by itself.

NR_PUPPET_NEXT equ 0xb1d

bits 64
section .rodata

global puppet_text_start, puppet_text_end
puppet_text_start:
	xor	edi, edi
.next:
	mov	eax, NR_PUPPET_NEXT
	syscall
	test	rax, rax
	js	.own
	syscall
.done:
	mov	rdi, rax
	jmp	.next

; Orders that are done right here, by ring 3's own loads and stores: enum puppet_op.
.own:
	cmp	rax, -1
	je	.peek
	cmp	rax, -2
	je	.poke
	cmp	rax, -3
	je	.touch
	jmp	.done
.peek:
	mov	rax, [rdi]
	jmp	.done
.poke:
	mov	[rdi], rsi
	xor	eax, eax
	jmp	.done
.touch:
	add	rsi, rdi		; the end
	xor	eax, eax
.page:
	cmp	rdi, rsi
	jae	.done
	mov	byte [rdi], 1
	add	rdi, 4096
	inc	rax
	jmp	.page
puppet_text_end:
