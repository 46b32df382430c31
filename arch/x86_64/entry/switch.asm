; From one kernel stack to another.

%include "arch/x86_64/entry/asm.inc"

section .text exec nowrite alloc progbits align=16

global switch_to
extern switch_context

; struct task *switch_to(struct task *prev, struct task *next)
;
; Only what a C function must preserve is saved: the compiler has put away the rest. A new task's stack was laid
; out by copy_thread() as if it had been here, its return address being ret_from_fork. Interrupts are off.
;
;	sp+48  return address
;	sp+40  rbp
;	sp+32  rbx
;	sp+24  r12
;	sp+16  r13
;	sp+8   r14
;	sp	r15
switch_to:
	push	rbp
	push	rbx
	push	r12
	push	r13
	push	r14
	push	r15
	mov	[rdi + TASK_SP], rsp
	mov	rsp, [rsi + TASK_SP]
	push	rdi
	call	switch_context		; the rest in C (process.c), on the new stack
	pop	rax			; `prev`, of this switch and not of the one that put us to sleep
	pop	r15
	pop	r14
	pop	r13
	pop	r12
	pop	rbx
	pop	rbp
	ret
