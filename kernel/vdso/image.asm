; The vDSO as it was linked, for kernel/vdso/vdso.c to copy. VDSO is its path.
section .rodata

global vdso_image_start, vdso_image_end
vdso_image_start:
	incbin	VDSO
vdso_image_end:
