; Copies to and from user memory, and guarded reads of kernel memory. Each instruction that may fault has an entry in the
; exception table. mm/user_copy.c has checked the range.

%include "arch/x86_64/entry/asm.inc"

section .text exec nowrite alloc progbits align=16

global user_copy, user_clear, user_strncpy, kernel_read_u64

; size_t user_copy(void *dst, const void *src, size_t n): bytes not copied.
; After a fault in the middle of a word the copy goes on by bytes, so that the count is exact.
user_copy:
	ALLOW_USER_ACCESS
	mov	rcx, rdx
	shr	rcx, 3
	and	edx, 7
.words:	rep	movsq
	mov	ecx, edx
	jrcxz	.done			; starting a string instruction costs some ten cycles, even for nothing
.bytes:	rep	movsb
.done:	xor	eax, eax
.out:	FORBID_USER_ACCESS
	ret
.words_fault:
	lea	rcx, [rdx + rcx * 8]
	jmp	.bytes
.bytes_fault:
	mov	rax, rcx
	jmp	.out
	EXCEPTION_ENTRY user_copy.words, user_copy.words_fault
	EXCEPTION_ENTRY user_copy.bytes, user_copy.bytes_fault

; size_t user_clear(void *dst, size_t n): bytes not cleared.
user_clear:
	ALLOW_USER_ACCESS
	mov	rcx, rsi
	xor	eax, eax
.bytes:	rep	stosb
.out:	FORBID_USER_ACCESS
	mov	rax, rcx
	ret
	EXCEPTION_ENTRY user_clear.bytes, user_clear.out

; long user_strncpy(char *dst, const char *src, size_t n): length without the NUL; n when there was none; -1 at a fault.
user_strncpy:
	ALLOW_USER_ACCESS
	xor	eax, eax
.next:	cmp	rax, rdx
	jae	.out
.load:	mov	cl, [rsi + rax]
	mov	[rdi + rax], cl
	test	cl, cl
	jz	.out
	inc	rax
	jmp	.next
.out:	FORBID_USER_ACCESS
	ret
.fault:	mov	rax, -1
	jmp	.out
	EXCEPTION_ENTRY user_strncpy.load, user_strncpy.fault

; bool kernel_read_u64(const void *src, u64 *value): false when src cannot be read. For backtraces.
kernel_read_u64:
.load:	mov	rax, [rdi]
	mov	[rsi], rax
	mov	eax, 1
	ret
.fault:	xor	eax, eax
	ret
	EXCEPTION_ENTRY kernel_read_u64.load, kernel_read_u64.fault
