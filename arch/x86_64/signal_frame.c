/*
 * The signal frame that a handler finds on the user's stack, as Linux lays it out, and the way
 * back. From high to low addresses:
 *
 *	the interrupted stack, and the 128 bytes below it that belong to its leaf function
 *	FPU state     64-byte aligned: the FXSAVE or XSAVE image with Linux's magic numbers in it
 *	siginfo_t
 *	struct ucontext
 *	return address: SA_RESTORER's function, which calls rt_sigreturn     <- rsp, 16 n + 8
 */
#include "arch/x86_64/arch.h"
#include "arch/x86_64/cpu/fpu.h"
#include "arch/x86_64/cpu/msr.h"
#include "arch/x86_64/cpu/traps.h"
#include "arch/x86_64/mm/user_words.h"
#include "kernel/lib/syscall.h"
#include "kernel/task.h"

#define RED_ZONE         128
#define FPU_ALIGN        64
#define SW_BYTES_OFFSET  464 /* of struct _fpx_sw_bytes in the FXSAVE area: not the CPU's */
#define SA_RESTORER_FLAG 0x04000000UL

/* Flags that a sigreturn may change; the rest, above all IF and IOPL, are kept. */
#define USER_RFLAGS 0x50dd5UL /* CF PF AF ZF SF TF DF OF RF AC */

struct rt_frame {
	u64 restorer;
	struct ucontext uc;
	siginfo_t info;
};

static size_t fpu_frame_size(void)
{
	return fpu_method.size + (fpu_method.xsave ? FP_XSTATE_MAGIC2_SIZE : 0);
}

u64 arch_min_sigstack(void)
{
	u64 frame = fpu_frame_size() + FPU_ALIGN + sizeof(struct rt_frame) + 16;

	return MAX(ALIGN_UP(frame, 16UL), (u64)MINSIGSTKSZ);
}

/* Find the address of the frame, and of the FPU state in *fpu. 0: the alternate stack is full. */
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

/* Store the FPU state as XSAVE writes it, with Linux's magic numbers and sizes. */
static bool put_fpu(u64 at)
{
	u64 *sw = (u64 *)(at + SW_BYTES_OFFSET); /* struct _fpx_sw_bytes */
	bool xsave = fpu_method.xsave;
	u64 size = fpu_method.size;

	if (!fpu_store_user(at))
		return false;
	user_put(xsave ? FP_XSTATE_MAGIC1 | (size + FP_XSTATE_MAGIC2_SIZE) << 32 : 0, &sw[0],
		 fault);
	user_put(xsave ? fpu_method.xcr0 : 0, &sw[1], fault);
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

/* The registers that struct pt_regs and the frame name alike. */
/* clang-format off */
#define EACH_REGISTER(DO) \
	DO(r8) DO(r9) DO(r10) DO(r11) DO(r12) DO(r13) DO(r14) DO(r15) \
	DO(rdi) DO(rsi) DO(rbp) DO(rbx) DO(rdx) DO(rax) DO(rcx) DO(rsp) DO(rip)
/* clang-format on */

static bool put_regs(struct sigcontext *sc, const struct pt_regs *regs)
{
#define PUT(name) user_put(regs->name, &sc->name, fault);
	EACH_REGISTER(PUT)
	user_put(regs->rflags, &sc->eflags, fault);
	/* cs, gs, fs and ss are 16 bits each. */
	user_put((u16)regs->cs | regs->ss << 48, (u64 *)&sc->cs, fault);
	return true;
fault:
	return false;
}

/* A siginfo_t is longer than ksiginfo_t: the rest is 0. */
static bool put_info(siginfo_t *to, const ksiginfo_t *info)
{
	u64 *words = (u64 *)to;

	user_put(info->words[0], &words[0], fault);
	user_put(info->words[1], &words[1], fault);
	user_put(info->words[2], &words[2], fault);
	user_put(info->words[3], &words[3], fault);
	user_put(info->words[4], &words[4], fault);
	user_put(info->words[5], &words[5], fault);
	for (u64 *w = &words[6]; w < &words[SIGINFO_WORDS]; w += 5) {
		user_put(0, &w[0], fault);
		user_put(0, &w[1], fault);
		user_put(0, &w[2], fault);
		user_put(0, &w[3], fault);
		user_put(0, &w[4], fault);
	}
	return true;
fault:
	return false;
}

static bool put_context(struct ucontext *uc, const struct pt_regs *regs, u64 fpu, u64 oldset)
{
	const struct task *p = current;
	const struct thread *t = &p->thread;
	struct sigcontext *sc = &uc->uc_mcontext;
	u64 flags = UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS | (fpu_method.xsave ? UC_FP_XSTATE : 0);
	u64 size = p->sas_size, alt = SS_DISABLE; /* with the padding behind the flags */

	if (size)
		alt = on_alt_stack(regs->rsp) ? SS_ONSTACK : 0;
	user_put(flags, &uc->uc_flags, fault);
	user_put(NULL, &uc->uc_link, fault);
	user_put((void *)p->sas_sp, &uc->uc_stack.ss_sp, fault);
	user_put(alt, (u64 *)&uc->uc_stack.ss_flags, fault);
	user_put(size, &uc->uc_stack.ss_size, fault);
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
	return put_info(&frame->info, &ksig->info) && put_context(&frame->uc, regs, fpu, oldset) &&
	       put_fpu(fpu);
fault:
	return false;
}

int setup_rt_frame(struct ksignal *ksig, u64 oldset, struct pt_regs *regs)
{
	struct rt_frame *frame;
	u64 fpu, sp;
	bool done;

	if (!(ksig->ka.flags & SA_RESTORER_FLAG))
		return -EFAULT; /* the vDSO has no restorer */
	sp = place_frame(ksig, regs, &fpu);
	frame = (struct rt_frame *)sp;
	if (!sp || !user_access_begin(sp, fpu + fpu_frame_size() - sp))
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

/* Has the FPU state more than the FXSAVE area? As on Linux, if both magic numbers are right. */
static bool has_xstate(u64 at)
{
	struct _fpx_sw_bytes sw;
	u32 magic2;

	if (!fpu_method.xsave ||
	    copy_from_user(&sw, (const void __user *)(at + SW_BYTES_OFFSET), sizeof(sw)))
		return false;
	if (sw.magic1 != FP_XSTATE_MAGIC1 || sw.xstate_size != fpu_method.size ||
	    sw.extended_size != fpu_method.size + FP_XSTATE_MAGIC2_SIZE)
		return false;
	return copy_from_user(&magic2, (const void __user *)(at + sw.xstate_size),
			      sizeof(magic2)) == 0 &&
	       magic2 == FP_XSTATE_MAGIC2;
}

/* Load the FPU state if its marks are as put_fpu() wrote them. */
static bool load_whole(u64 at)
{
	u64 size = fpu_method.size, marks, xstate_size;
	bool bad = false;
	u32 magic2;

	if (!user_access_begin(at, fpu_frame_size()))
		return false;
	if (fpu_method.xsave) {
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
	/* It has only the FXSAVE area, or bits that the CPU refuses to load. */
	extended = has_xstate(at);
	image = fpu_alloc();
	if (!image)
		return -ENOMEM;
	if (copy_from_user(image, (const void __user *)at,
			   extended ? fpu_method.size : FXSAVE_SIZE)) {
		fpu_free(image);
		return -EFAULT;
	}
	fpu_replace_current(image, extended);
	return 0;
}

/* False if one could not be read. */
static bool restore_regs(struct pt_regs *regs, const struct sigcontext *sc)
{
	bool bad = false;
	u64 flags;

#define GET(name) user_get(regs->name, &sc->name, bad);
	EACH_REGISTER(GET) /* rip is checked on the way out */
	user_get(flags, &sc->eflags, bad);
	regs->rflags = (regs->rflags & ~USER_RFLAGS) | (flags & USER_RFLAGS);
	return !bad;
}

/* Set the saved alternate stack, by sigaltstack(2)'s rules: not while the task runs on one. */
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

/* What the frame has besides the registers. */
struct saved {
	stack_t stack;
	u64 blocked, fpu;
	u64 flags;     /* UC_* */
	u64 selectors; /* cs, gs, fs, ss: 16 bits each */
};

/* False if a part of the frame cannot be read. */
static bool read_frame(const struct rt_frame *frame, struct saved *saved, struct pt_regs *regs)
{
	const struct ucontext *uc = &frame->uc;
	const struct sigcontext *sc = &uc->uc_mcontext;
	bool bad = false;

	if (!user_access_begin((u64)uc, sizeof(*uc)))
		return false;
	user_get(saved->stack.ss_sp, &uc->uc_stack.ss_sp, bad);
	user_get(saved->stack.ss_flags, &uc->uc_stack.ss_flags, bad);
	user_get(saved->stack.ss_size, &uc->uc_stack.ss_size, bad);
	user_get(saved->blocked, (const u64 *)&uc->uc_sigmask, bad);
	user_get(saved->fpu, (const u64 *)&sc->fpstate, bad);
	user_get(saved->flags, &uc->uc_flags, bad);
	user_get(saved->selectors, (const u64 *)&sc->cs, bad);
	bad = bad || !restore_regs(regs, sc); /* skipped after a bad word */
	user_access_end();
	return !bad;
}

/* Restore CS and SS from the frame, with the user's privilege. IRET can load one segment of each
 * kind; for any other the task gets the signal of the general protection fault that IRET would
 * raise. Its handler sees the selectors, and none returns to them. A program that does not set
 * UC_STRICT_RESTORE_SS gets a valid SS. */
static void restore_selectors(struct pt_regs *regs, const struct saved *saved)
{
	u16 cs = (u16)saved->selectors | 3, ss = (u16)(saved->selectors >> 48) | 3;

	if (cs == USER_CS && (ss == USER_DS || !(saved->flags & UC_STRICT_RESTORE_SS)))
		return; /* the system call's own values */
	regs->cs = cs;
	regs->ss = ss;
	trap_note(TRAP_PROTECTION, (cs != USER_CS ? cs : ss) & ~3u, 0);
	force_sig_fault(SIGSEGV, SI_KERNEL, 0);
}

long sys_rt_sigreturn(void)
{
	struct task *p = current;
	struct pt_regs *regs = task_pt_regs(p);
	struct saved saved;

	/* The handler's return has popped the restorer's address. */
	if (!read_frame((const struct rt_frame *)(regs->rsp - sizeof(u64)), &saved, regs) ||
	    restore_fpu(saved.fpu)) {
		force_sig(SIGSEGV);
		return 0;
	}
	regs->orig_rax = ~0UL; /* no system call to restart */
	task_set_work(p, WORK_FRAME);
	set_current_blocked(saved.blocked);
	restore_alt_stack(&saved.stack, regs->rsp);
	restore_selectors(regs, &saved);
	return (long)regs->rax;
}
