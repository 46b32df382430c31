; From one kernel stack to another.

%include "arch/x86_64/entry/asm.inc"

section .text exec nowrite alloc progbits align=16

global switch_stacks
extern switch_context

; struct task *switch_stacks(struct task *prev, struct task *next)
;
; Called by switch_to(), which tells the compiler that no register but rbp is preserved, so that only the live ones are
; saved. copy_thread() lays out a new task's stack as if the task had called this from ret_from_fork. Interrupts are off.
;
;	sp+8	return address
;	sp	rbp
switch_stacks:
	push	rbp
	mov	[rdi + TASK_SP], rsp
	mov	rsp, [rsi + TASK_SP]
	push	rdi
	call	switch_context		; the rest in C (process.c), on the new stack
	pop	rax			; the `prev` of this switch, not of the one that put this task to sleep
	pop	rbp
	ret
