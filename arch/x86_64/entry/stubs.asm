; One stub for each of the 256 vectors, 16 bytes apart: idt.c computes their addresses.

%include "arch/x86_64/entry/asm.inc"

section .entry.text exec nowrite alloc progbits align=16

global trap_stubs
extern trap_common, debug_common, paranoid_common

; Vectors for which the CPU pushes an error code. SDM vol. 3A, table 6-1.
%define HAS_ERROR_CODE(v) (v == 8 || v == 10 || v == 11 || v == 12 || v == 13 || v == 14 || v == 17 || v == 21 || v == 29 || v == 30)
; Vectors with an IST stack: NMI, #DF, #MC.
%define IS_PARANOID(v) (v == 2 || v == 8 || v == 18)

trap_stubs:
%assign vector 0
%rep 256
	align	16
%if !(HAS_ERROR_CODE(vector))
	push	-1
%endif
	push	vector
%if vector == 1
	jmp	debug_common
%elif IS_PARANOID(vector)
	jmp	paranoid_common
%else
	jmp	trap_common
%endif
%assign vector vector + 1
%endrep
	align	16
