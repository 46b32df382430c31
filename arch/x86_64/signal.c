/*
 * The signal frame: what a handler finds on the user's stack, exactly as Linux lays it out, and the
 *way back.
 *
 * From high to low addresses:
 *
 *	the interrupted stack, and the 128 bytes below it that belong to its leaf function
 *	FPU state     64-byte aligned: the FXSAVE or XSAVE image with Linux's magic numbers in it
 *	siginfo_t
 *	struct ucontext
 *	return address (SA_RESTORER's function, which calls rt_sigreturn)	<- rsp, 8 off a
 *multiple of 16
 */
#include "arch/x86_64/arch.h"
#include "arch/x86_64/cpu/fpu.h"
#include "arch/x86_64/cpu/msr.h"
#include "kernel/lib/string.h"
#include "kernel/sys/syscall.h"
#include "kernel/task.h"

#define RED_ZONE  128
#define FPU_ALIGN 64
#define SW_BYTES_OFFSET \
	464 /* of struct _fpx_sw_bytes in the FXSAVE area: bytes the CPU leaves alone */
#define SA_RESTORER_FLAG 0x04000000UL
#define FXSAVE_SIZE      512

/* Flags that a sigreturn may change; the rest, above all IF and IOPL, stay as they are. */
#define USER_RFLAGS 0x50dd5UL /* CF PF AF ZF SF TF DF OF RF AC */

struct rt_frame {
	u64 restorer;
	struct ucontext uc;
	siginfo_t info;
};

static bool on_alt_stack(u64 sp)
{
	return sp > current->sas_sp && sp - current->sas_sp <= current->sas_size;
}

static size_t fpu_frame_size(void)
{
	return fpu_image_size() + (fpu_has_xsave() ? FP_XSTATE_MAGIC2_SIZE : 0);
}

u64 arch_min_sigstack(void)
{
	u64 frame = fpu_frame_size() + FPU_ALIGN + sizeof(struct rt_frame) + 16;

	return MAX(ALIGN_UP(frame, 16UL), (u64)MINSIGSTKSZ);
}

/* Where the frame goes; *fpu is where the FPU state goes. 0 when it would leave the alternate
 * stack. */
static u64 place_frame(const struct ksignal *ksig, const struct pt_regs *regs, u64 *fpu)
{
	u64 sp = regs->rsp - RED_ZONE;
	bool nested = on_alt_stack(regs->rsp);

	if ((ksig->ka.flags & SA_ONSTACK) && current->sas_size && !nested) {
		sp = current->sas_sp + current->sas_size;
		nested = true;
	}
	*fpu = ALIGN_DOWN(sp - fpu_frame_size(), FPU_ALIGN);
	sp = ALIGN_DOWN(*fpu - sizeof(struct rt_frame), 16) - 8;
	if (nested && !on_alt_stack(sp))
		return 0;
	return sp;
}

static int save_fpu(u64 at)
{
	struct _fpx_sw_bytes sw = {0};
	u32 magic2 = FP_XSTATE_MAGIC2;
	size_t size = fpu_image_size();

	fpu_save_current();
	if (fpu_has_xsave()) {
		sw.magic1 = FP_XSTATE_MAGIC1;
		sw.extended_size = size + FP_XSTATE_MAGIC2_SIZE;
		sw.xfeatures = fpu_features();
		sw.xstate_size = size;
	}
	/* The image cannot change meanwhile: a switch saves the same registers again. */
	if (copy_to_user((void __user *)at, current->thread.fpu, size) ||
	    copy_to_user((void __user *)(at + SW_BYTES_OFFSET), &sw, sizeof(sw)))
		return -EFAULT;
	if (fpu_has_xsave() && copy_to_user((void __user *)(at + size), &magic2, sizeof(magic2)))
		return -EFAULT;
	return 0;
}

static void save_regs(struct sigcontext *sc, const struct pt_regs *regs, u64 fpu, u64 oldset)
{
	const struct thread *t = &current->thread;

	*sc = (struct sigcontext){
		.r8 = regs->r8,
		.r9 = regs->r9,
		.r10 = regs->r10,
		.r11 = regs->r11,
		.r12 = regs->r12,
		.r13 = regs->r13,
		.r14 = regs->r14,
		.r15 = regs->r15,
		.rdi = regs->rdi,
		.rsi = regs->rsi,
		.rbp = regs->rbp,
		.rbx = regs->rbx,
		.rdx = regs->rdx,
		.rax = regs->rax,
		.rcx = regs->rcx,
		.rsp = regs->rsp,
		.rip = regs->rip,
		.eflags = regs->rflags,
		.cs = (u16)regs->cs,
		.ss = (u16)regs->ss,
		.err = t->error_code,
		.trapno = t->trap_nr,
		.cr2 = t->cr2,
		.oldmask = oldset,
		.fpstate = (struct _fpstate *)fpu,
	};
}

static void save_context(struct ucontext *uc, const struct pt_regs *regs, u64 fpu, u64 oldset)
{
	*uc = (struct ucontext){
		.uc_flags = UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS |
			    (fpu_has_xsave() ? UC_FP_XSTATE : 0),
		.uc_stack =
			{
				.ss_sp = (void *)current->sas_sp,
				.ss_flags = !current->sas_size        ? SS_DISABLE
					    : on_alt_stack(regs->rsp) ? SS_ONSTACK
								      : 0,
				.ss_size = current->sas_size,
			},
		.uc_sigmask = oldset,
	};
	save_regs(&uc->uc_mcontext, regs, fpu, oldset);
}

int setup_rt_frame(struct ksignal *ksig, u64 oldset, struct pt_regs *regs)
{
	struct rt_frame frame = {.restorer = ksig->ka.restorer, .info = ksig->info};
	u64 fpu, sp;

	if (!(ksig->ka.flags & SA_RESTORER_FLAG))
		return -EFAULT; /* there is no vDSO that could stand in */
	sp = place_frame(ksig, regs, &fpu);
	if (!sp)
		return -EFAULT;
	save_context(&frame.uc, regs, fpu, oldset);
	if (save_fpu(fpu) || copy_to_user((void __user *)sp, &frame, sizeof(frame)))
		return -EFAULT;
	fpu_reset_current();
	regs->rdi = ksig->sig;
	regs->rsi = sp + offsetof(struct rt_frame, info);
	regs->rdx = sp + offsetof(struct rt_frame, uc);
	regs->rax = 0; /* the number of vector arguments, should the handler be variadic */
	regs->rsp = sp;
	regs->rip = ksig->ka.handler;
	regs->cs = USER_CS;
	regs->ss = USER_DS;
	regs->rflags &= ~(X86_EFLAGS_DF | X86_EFLAGS_RF | X86_EFLAGS_TF);
	return 0;
}

/* ---- the way back ---- */

/* Does the state in the frame have more than the FXSAVE area? As Linux: only if both magic numbers
 * stand. */
static bool has_xstate(u64 at)
{
	struct _fpx_sw_bytes sw;
	u32 magic2;

	if (!fpu_has_xsave() ||
	    copy_from_user(&sw, (const void __user *)(at + SW_BYTES_OFFSET), sizeof(sw)))
		return false;
	if (sw.magic1 != FP_XSTATE_MAGIC1 || sw.xstate_size != fpu_image_size() ||
	    sw.extended_size != fpu_image_size() + FP_XSTATE_MAGIC2_SIZE)
		return false;
	return copy_from_user(&magic2, (const void __user *)(at + sw.xstate_size),
			      sizeof(magic2)) == 0 &&
	       magic2 == FP_XSTATE_MAGIC2;
}

static int restore_fpu(u64 at)
{
	bool extended;
	void *image;

	if (at == 0) {
		fpu_reset_current();
		return 0;
	}
	extended = has_xstate(at);
	image = fpu_alloc();
	if (!image)
		return -ENOMEM;
	if (copy_from_user(image, (const void __user *)at,
			   extended ? fpu_image_size() : FXSAVE_SIZE)) {
		fpu_free(image);
		return -EFAULT;
	}
	fpu_replace_current(image, extended);
	return 0;
}

static void restore_regs(struct pt_regs *regs, const struct sigcontext *sc)
{
	regs->r8 = sc->r8;
	regs->r9 = sc->r9;
	regs->r10 = sc->r10;
	regs->r11 = sc->r11;
	regs->r12 = sc->r12;
	regs->r13 = sc->r13;
	regs->r14 = sc->r14;
	regs->r15 = sc->r15;
	regs->rdi = sc->rdi;
	regs->rsi = sc->rsi;
	regs->rbp = sc->rbp;
	regs->rbx = sc->rbx;
	regs->rdx = sc->rdx;
	regs->rax = sc->rax;
	regs->rcx = sc->rcx;
	regs->rsp = sc->rsp;
	regs->rip = sc->rip; /* checked on the way out */
	regs->rflags = (regs->rflags & ~USER_RFLAGS) | (sc->eflags & USER_RFLAGS);
	regs->cs = USER_CS;
	regs->ss = USER_DS;
	regs->orig_rax = ~0UL; /* not in a system call any more: nothing to restart */
	task_set_work(current, WORK_FRAME);
}

/* sigaltstack(2) for the saved stack; refused, as there, while the task runs on it. */
static void restore_alt_stack(const stack_t *ss, u64 sp)
{
	if (on_alt_stack(sp) || (ss->ss_flags & ~(SS_DISABLE | SS_ONSTACK)))
		return;
	if (ss->ss_flags & SS_DISABLE) {
		current->sas_sp = current->sas_size = 0;
	} else if (ss->ss_size >= MINSIGSTKSZ) {
		current->sas_sp = (u64)ss->ss_sp;
		current->sas_size = ss->ss_size;
	}
}

long sys_rt_sigreturn(void)
{
	struct pt_regs *regs = task_pt_regs(current);
	struct ucontext uc;
	/* The handler's return has popped the restorer's address. */
	u64 frame = regs->rsp - sizeof(u64);

	if (copy_from_user(&uc, (const void __user *)(frame + offsetof(struct rt_frame, uc)),
			   sizeof(uc)) ||
	    restore_fpu((u64)uc.uc_mcontext.fpstate)) {
		force_sig(SIGSEGV);
		return 0;
	}
	set_current_blocked(uc.uc_sigmask & ~SIG_KERNEL_ONLY);
	restore_regs(regs, &uc.uc_mcontext);
	restore_alt_stack(&uc.uc_stack, regs->rsp);
	return (long)regs->rax;
}
