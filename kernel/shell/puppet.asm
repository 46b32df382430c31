; The puppet's program: asks the kernel for an order, executes it, and hands in the result. It is copied into a page and
; mapped at PUPPET_CODE in ring 3, so no instruction may refer to an address. It uses no stack: a child made with
; CLONE_VM has the same one at the same time.
;
; The private call (NR_PUPPET_NEXT, kernel/shell/puppet.h) takes the result of the last order in rdi. It returns the
; next order's number in rax, and its arguments in rdi, rsi, rdx, r10, r8 and r9. fork's child returns from the second
; `syscall` with rax = 0 and goes on in the loop, so it is a puppet too.

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

; Orders that ring 3 executes by its own loads and stores: enum puppet_op.
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
