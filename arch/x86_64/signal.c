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
#include "arch/x86_64/mm/user_access.h"
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

/* The registers as XSAVE leaves them, with Linux's marks of what is there. */
static bool put_fpu(u64 at)
{
	u64 *sw = (u64 *)(at + SW_BYTES_OFFSET); /* struct _fpx_sw_bytes */
	bool xsave = fpu_has_xsave();
	u64 size = fpu_image_size();

	if (!fpu_store_user(at))
		return false;
	user_put(xsave ? FP_XSTATE_MAGIC1 | (size + FP_XSTATE_MAGIC2_SIZE) << 32 : 0, &sw[0],
		 fault);
	user_put(xsave ? fpu_features() : 0, &sw[1], fault);
	user_put(xsave ? size : 0, &sw[2], fault);
	user_put(0, &sw[3], fault);
	user_put(0, &sw[4], fault);
	user_put(0, &sw[5], fault);
	if (xsave)
		user_put(FP_XSTATE_MAGIC2, (u32 *)(at + size), fault);
	return true;
fault:
	return false;
}

static bool put_regs(struct sigcontext *sc, const struct pt_regs *regs)
{
	user_put(regs->r8, &sc->r8, fault);
	user_put(regs->r9, &sc->r9, fault);
	user_put(regs->r10, &sc->r10, fault);
	user_put(regs->r11, &sc->r11, fault);
	user_put(regs->r12, &sc->r12, fault);
	user_put(regs->r13, &sc->r13, fault);
	user_put(regs->r14, &sc->r14, fault);
	user_put(regs->r15, &sc->r15, fault);
	user_put(regs->rdi, &sc->rdi, fault);
	user_put(regs->rsi, &sc->rsi, fault);
	user_put(regs->rbp, &sc->rbp, fault);
	user_put(regs->rbx, &sc->rbx, fault);
	user_put(regs->rdx, &sc->rdx, fault);
	user_put(regs->rax, &sc->rax, fault);
	user_put(regs->rcx, &sc->rcx, fault);
	user_put(regs->rsp, &sc->rsp, fault);
	user_put(regs->rip, &sc->rip, fault);
	user_put(regs->rflags, &sc->eflags, fault);
	user_put((u16)regs->cs, &sc->cs, fault);
	user_put(0, &sc->gs, fault);
	user_put(0, &sc->fs, fault);
	user_put((u16)regs->ss, &sc->ss, fault);
	return true;
fault:
	return false;
}

static bool put_context(struct ucontext *uc, const struct pt_regs *regs, u64 fpu, u64 oldset)
{
	const struct thread *t = &current->thread;
	struct sigcontext *sc = &uc->uc_mcontext;
	u64 flags = UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS | (fpu_has_xsave() ? UC_FP_XSTATE : 0);

	user_put(flags, &uc->uc_flags, fault);
	user_put(NULL, &uc->uc_link, fault);
	user_put((void *)current->sas_sp, &uc->uc_stack.ss_sp, fault);
	user_put(!current->sas_size        ? SS_DISABLE
		 : on_alt_stack(regs->rsp) ? SS_ONSTACK
					   : 0,
		 &uc->uc_stack.ss_flags, fault);
	user_put(0, (u32 *)&uc->uc_stack.ss_flags + 1, fault); /* padding */
	user_put(current->sas_size, &uc->uc_stack.ss_size, fault);
	user_put(oldset, (u64 *)&uc->uc_sigmask, fault);
	user_put(t->error_code, &sc->err, fault);
	user_put(t->trap_nr, &sc->trapno, fault);
	user_put(t->cr2, &sc->cr2, fault);
	user_put(oldset, &sc->oldmask, fault);
	user_put((struct _fpstate *)fpu, &sc->fpstate, fault);
	return put_regs(sc, regs);
fault:
	return false;
}

static bool put_frame(struct rt_frame *frame, const struct ksignal *ksig, u64 oldset,
		      const struct pt_regs *regs, u64 fpu)
{
	user_put(ksig->ka.restorer, &frame->restorer, fault);
	return put_context(&frame->uc, regs, fpu, oldset) && put_fpu(fpu);
fault:
	return false;
}

int setup_rt_frame(struct ksignal *ksig, u64 oldset, struct pt_regs *regs)
{
	struct rt_frame *frame;
	u64 fpu, sp;
	bool done;

	if (!(ksig->ka.flags & SA_RESTORER_FLAG))
		return -EFAULT; /* there is no vDSO that could stand in */
	sp = place_frame(ksig, regs, &fpu);
	frame = (struct rt_frame *)sp;
	if (!sp || copy_to_user(&frame->info, &ksig->info, sizeof(frame->info)) ||
	    !user_access_begin(sp, fpu + fpu_frame_size() - sp))
		return -EFAULT;
	done = put_frame(frame, ksig, oldset, regs, fpu);
	user_access_end();
	if (!done)
		return -EFAULT;
	fpu_reset_current();
	regs->rdi = ksig->sig;
	regs->rsi = (u64)&frame->info;
	regs->rdx = (u64)&frame->uc;
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

/* The frame as put_fpu() made it, but for the registers in it. */
static bool load_whole(u64 at)
{
	u64 size = fpu_image_size(), marks, xstate_size;
	bool bad = false;
	u32 magic2;

	if (!user_access_begin(at, fpu_frame_size()))
		return false;
	if (fpu_has_xsave()) {
		user_get(marks, (const u64 *)(at + SW_BYTES_OFFSET), bad);
		user_get(xstate_size, (const u64 *)(at + SW_BYTES_OFFSET + 16), bad);
		user_get(magic2, (const u32 *)(at + size), bad);
		bad = bad || marks != (FP_XSTATE_MAGIC1 | (size + FP_XSTATE_MAGIC2_SIZE) << 32) ||
		      xstate_size != size || magic2 != FP_XSTATE_MAGIC2;
	}
	bad = bad || !fpu_load_user(at);
	user_access_end();
	return !bad;
}

static int restore_fpu(u64 at)
{
	bool extended;
	void *image;

	if (at == 0) {
		fpu_reset_current();
		return 0;
	}
	if (load_whole(at))
		return 0;
	/* What cannot be loaded as it is: only the old part of it, or bits that the CPU refuses. */
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
