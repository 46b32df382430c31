; The Multiboot2 header: requests to the loader. Multiboot2 specification, section 3.1.

MAGIC		equ 0xe85250d6
ARCH_I386	equ 0			; entered in 32-bit protected mode, on UEFI too
TAG_END		equ 0
TAG_INFO	equ 1
TAG_FRAMEBUFFER equ 5
TAG_MODALIGN	equ 6
OPTIONAL	equ 1

section .multiboot2 align=8 noexec nowrite alloc progbits

header:
	dd	MAGIC, ARCH_I386, header.end - header
	dd	-(MAGIC + ARCH_I386 + (header.end - header))

	align	8
.info:	dw	TAG_INFO, OPTIONAL
	dd	.info_end - .info
	dd	1, 2, 3, 6, 8, 9, 14, 15 ; command line, name, modules, memory, framebuffer, ELF sections, ACPI
.info_end:
	align	8
	dw	TAG_FRAMEBUFFER, OPTIONAL
	dd	20
	dd	0, 0, 32		; any size: the loader's preferred one
	align	8
	dw	TAG_MODALIGN, OPTIONAL
	dd	8
	align	8
	dw	TAG_END, 0
	dd	8
.end:
