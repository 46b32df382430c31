; From one kernel stack to another.

%include "arch/x86_64/entry/asm.inc"

section .text exec nowrite alloc progbits align=16

global switch_stacks
extern switch_context

; struct task *switch_stacks(struct task *prev, struct task *next)
;
; Called by switch_to(), which tells the compiler that no register but rbp is kept: what it needs it has put away,
; and once is enough. A new task's stack was laid out by copy_thread() as if it had been here, its return address
; being ret_from_fork. Interrupts are off.
;
;	sp+8	return address
;	sp	rbp
switch_stacks:
	push	rbp
	mov	[rdi + TASK_SP], rsp
	mov	rsp, [rsi + TASK_SP]
	push	rdi
	call	switch_context		; the rest in C (process.c), on the new stack
	pop	rax			; `prev`, of this switch and not of the one that put us to sleep
	pop	rbp
	ret
