/*
 * The registers of a tracee: ptrace(2), and struct user of <sys/user.h>.
 *
 * The tracee is frozen (kernel/ptrace/request.c): its registers lie in the frame at the top of its
 * kernel stack, its FPU state in its image.
 */
#include "arch/x86_64/arch.h"
#include "arch/x86_64/cpu/debug_regs.h"
#include "arch/x86_64/cpu/fpu.h"
#include "kernel/lib/string.h"
#include "kernel/lib/syscall.h"
#include "kernel/lib/uapi_ptrace.h"
#include "kernel/task.h"
#include "mm/mm.h"
#include "mm/slab.h"

#include <asm/ptrace-abi.h>
#include <asm/prctl.h>
#include <linux/elf.h>

/* struct user_regs_struct: the frame, and behind it what a frame does not have. */
enum {
	REG_RAX = offsetof(struct pt_regs, rax) / 8,
	REG_CS = offsetof(struct pt_regs, cs) / 8,
	REG_FLAGS = offsetof(struct pt_regs, rflags) / 8,
	REG_SS = offsetof(struct pt_regs, ss) / 8,
	REG_FS_BASE = sizeof(struct pt_regs) / 8,
	REG_GS_BASE,
	REG_DS,
	REG_ES,
	REG_FS,
	REG_GS,
	NR_REGS,
};

/* struct user: where its debug registers begin, and its end; in bytes. */
#define USER_DEBUG_REGS 848
#define USER_SIZE       (USER_DEBUG_REGS + NR_DEBUG_REGS * 8)

/* The flags that a tracer may change. NT would make the next IRET fault. */
#define TRACER_RFLAGS                                                                    \
	(X86_EFLAGS_CF | X86_EFLAGS_PF | X86_EFLAGS_AF | X86_EFLAGS_ZF | X86_EFLAGS_SF | \
	 X86_EFLAGS_TF | X86_EFLAGS_DF | X86_EFLAGS_OF | X86_EFLAGS_RF | X86_EFLAGS_AC)

/* ---- single steps ---- */

/* Is p about to set the trap flag itself, by POPF or IRET? */
static bool sets_trap_flag(struct task *p)
{
	u8 code[15]; /* no instruction is longer */
	size_t n = p->mm ? mm_access(p->mm, task_pt_regs(p)->rip, code, sizeof(code), false) : 0;
	size_t i = 0;
	static const u8 prefixes[] = {0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65,
				      0x66, 0x67, 0xf0, 0xf2, 0xf3};

	while (i < n && (code[i] >> 4 == 4 || memchr(prefixes, code[i], sizeof(prefixes))))
		i++;
	return i < n && (code[i] == 0x9d || code[i] == 0xcf);
}

/* `forced`: the trap flag is the tracer's and not the program's, which does not see it. */
void arch_enable_step(struct task *p)
{
	struct pt_regs *regs = task_pt_regs(p);

	bool its_own = (regs->rflags & X86_EFLAGS_TF) && !p->thread.forced_tf;

	regs->rflags |= X86_EFLAGS_TF;
	p->thread.forced_tf = !its_own && !sets_trap_flag(p);
	task_set_work(p, WORK_FRAME);
}

void arch_disable_step(struct task *p)
{
	if (!p->thread.forced_tf)
		return;
	p->thread.forced_tf = 0;
	task_pt_regs(p)->rflags &= ~X86_EFLAGS_TF;
	task_set_work(p, WORK_FRAME);
}

/* ---- general registers ---- */

static u64 get_register(const struct task *p, u32 n)
{
	const u64 *frame = (const u64 *)task_pt_regs(p);

	switch (n) {
	case REG_FLAGS:
		return frame[n] & ~(p->thread.forced_tf ? X86_EFLAGS_TF : 0UL);
	case REG_FS_BASE:
		return p->thread.fs_base;
	case REG_GS_BASE:
		return p->thread.gs_base;
	default: /* selectors are not kept: 0, as in almost every program */
		return n < REG_FS_BASE ? frame[n] : 0;
	}
}

static void set_flags(struct task *p, u64 value)
{
	struct pt_regs *regs = task_pt_regs(p);

	if (value & X86_EFLAGS_TF)
		p->thread.forced_tf = 0;
	else if (p->thread.forced_tf)
		value |= X86_EFLAGS_TF;
	regs->rflags = (regs->rflags & ~TRACER_RFLAGS) | (value & TRACER_RFLAGS);
}

static long set_register(struct task *p, u32 n, u64 value)
{
	switch (n) {
	case REG_CS: /* IRET can load these only */
		return (u16)value == USER_CS ? 0 : -EIO;
	case REG_SS:
		return (u16)value == USER_DS ? 0 : -EIO;
	case REG_FLAGS:
		set_flags(p, value);
		break;
	case REG_FS_BASE:
	case REG_GS_BASE:
		if (value >= TASK_SIZE)
			return -EIO;
		*(n == REG_FS_BASE ? &p->thread.fs_base : &p->thread.gs_base) = value;
		break;
	case REG_DS:
	case REG_ES:
	case REG_FS:
	case REG_GS:
		return (u16)value == 0 || ((u16)value & 3) == 3 ? 0 : -EIO;
	default:
		((u64 *)task_pt_regs(p))[n] = value;
	}
	task_set_work(p, WORK_FRAME);
	return 0;
}

/* ---- struct user ---- */

static bool valid_offset(u64 offset)
{
	return offset % 8 == 0 && offset < USER_SIZE;
}

static long peek_user(struct task *p, u64 offset, u64 __user *to)
{
	u64 value = 0;

	if (!valid_offset(offset))
		return -EIO;
	if (offset < NR_REGS * 8)
		value = get_register(p, offset / 8);
	else if (offset >= USER_DEBUG_REGS)
		value = debug_reg_read(p, (offset - USER_DEBUG_REGS) / 8);
	return put_user(value, to);
}

static long poke_user(struct task *p, u64 offset, u64 value)
{
	if (!valid_offset(offset))
		return -EIO;
	if (offset < NR_REGS * 8)
		return set_register(p, offset / 8, value);
	if (offset >= USER_DEBUG_REGS)
		return debug_reg_write(p, (offset - USER_DEBUG_REGS) / 8, value);
	return -EIO;
}

/* ---- sets of registers ---- */

void arch_core_registers(const struct task *p, u64 *words)
{
	_Static_assert(NR_REGS == NR_CORE_REGS, "the registers of a core dump");
	for (u32 i = 0; i < NR_REGS; i++)
		words[i] = get_register(p, i);
}

size_t arch_core_fpu(const struct task *p, void *image)
{
	if (image)
		fpu_export(p->thread.fpu, image);
	return fpu_method.size;
}

bool arch_has_xstate(void)
{
	return fpu_method.xsave;
}

/* All or the first n bytes. 0 or -EFAULT. */
static long get_general(struct task *p, void __user *to, size_t n)
{
	u64 words[NR_REGS];

	for (u32 i = 0; i < NR_REGS; i++)
		words[i] = get_register(p, i);
	return copy_to_user(to, words, n) ? -EFAULT : 0;
}

static long set_general(struct task *p, const void __user *from, size_t n)
{
	u64 words[NR_REGS];
	long err = copy_from_user(words, from, n) ? -EFAULT : 0;

	for (u32 i = 0; i < n / 8 && !err; i++)
		err = set_register(p, i, words[i]);
	return err;
}

static long get_fpu(struct task *p, void __user *to, size_t n)
{
	void *image scoped(kfree) = kmalloc(fpu_method.size);

	if (!image)
		return -ENOMEM;
	fpu_export(p->thread.fpu, image);
	return copy_to_user(to, image, n) ? -EFAULT : 0;
}

/* The whole image, or its first part alone. */
static long set_fpu(struct task *p, const void __user *from, size_t n)
{
	void *image scoped(kfree) = kmalloc(fpu_method.size);

	if (!image)
		return -ENOMEM;
	fpu_export(p->thread.fpu, image);
	if (copy_from_user(image, from, n))
		return -EFAULT;
	return fpu_import(p->thread.fpu, image, n == fpu_method.size) ? 0 : -EINVAL;
}

/* PTRACE_GETREGSET and SETREGSET: an iovec, whose length is cut to what there is. */
static long regset(struct task *p, u64 type, struct iovec __user *uiov, bool set)
{
	struct iovec iov;
	size_t size, n;
	long err;

	if (type == NT_PRSTATUS)
		size = NR_REGS * 8;
	else if (type == NT_PRFPREG)
		size = FXSAVE_SIZE;
	else if (type == NT_X86_XSTATE && fpu_method.xsave)
		size = fpu_method.size;
	else
		return type == NT_X86_XSTATE ? -ENODEV : -EINVAL;
	if (copy_from_user(&iov, uiov, sizeof(iov)))
		return -EFAULT;
	if (iov.iov_len % (type == NT_PRFPREG ? 4 : 8))
		return -EINVAL;
	n = MIN(iov.iov_len, size);
	if (type == NT_PRSTATUS)
		err = set ? set_general(p, iov.iov_base, n) : get_general(p, iov.iov_base, n);
	else if (set && n != size)
		err = type == NT_X86_XSTATE ? -EFAULT : -EINVAL; /* as on Linux */
	else
		err = set ? set_fpu(p, iov.iov_base, n) : get_fpu(p, iov.iov_base, n);
	if (err)
		return err;
	return put_user(n, (u64 __user *)&uiov->iov_len);
}

/* ARCH_PRCTL: as arch_prctl(2) of the tracee. */
static long prctl_of(struct task *p, u64 addr, long code)
{
	switch (code) {
	case ARCH_SET_FS:
	case ARCH_SET_GS:
		if (addr >= TASK_SIZE)
			return -EPERM;
		return set_register(p, code == ARCH_SET_FS ? REG_FS_BASE : REG_GS_BASE, addr);
	case ARCH_GET_FS:
		return put_user(p->thread.fs_base, (u64 __user *)addr);
	case ARCH_GET_GS:
		return put_user(p->thread.gs_base, (u64 __user *)addr);
	}
	return -EINVAL;
}

long arch_ptrace(struct task *p, long request, u64 addr, u64 data)
{
	void __user *user = (void __user *)data;

	switch (request) {
	case PTRACE_PEEKUSR:
		return peek_user(p, addr, user);
	case PTRACE_POKEUSR:
		return poke_user(p, addr, data);
	case PTRACE_GETREGS:
		return get_general(p, user, NR_REGS * 8);
	case PTRACE_SETREGS:
		return set_general(p, user, NR_REGS * 8);
	case PTRACE_GETFPREGS:
		return get_fpu(p, user, FXSAVE_SIZE);
	case PTRACE_SETFPREGS:
		return set_fpu(p, user, FXSAVE_SIZE);
	case PTRACE_GETREGSET:
		return regset(p, addr, user, false);
	case PTRACE_SETREGSET:
		return regset(p, addr, user, true);
	case PTRACE_ARCH_PRCTL:
		return prctl_of(p, addr, (long)data);
	default:
		return -EIO;
	}
}
