/*
 * rseq(2): sequences of instructions that a thread restarts when it was disturbed in them.
 *
 * A registered thread has a struct rseq in its memory. The kernel keeps there on which CPU the
 * thread runs. The thread stores there the address of a struct rseq_cs while it is in a critical
 * section. If it is switched out or gets a signal in the section, it goes on at the section's abort
 * handler.
 *
 * The thread itself does all this, on its way to user mode, since its memory may have to be faulted
 * in. The scheduler only sets WORK_RSEQ, when the task is switched in again.
 */
#include "kernel/rseq/rseq.h"

#include "arch/x86_64/mm/user_words.h"
#include "kernel/lib/syscall.h"
#include "mm/mm.h"

#include <linux/rseq.h>

/* struct rseq with its newer fields, which older UAPI headers do not have. */
struct rseq_area {
	u32 cpu_id_start, cpu_id;
	u64 rseq_cs;
	u32 flags;
	u32 node_id, mm_cid;
	u32 end;
};
_Static_assert(offsetof(struct rseq_area, end) == RSEQ_FEATURE_SIZE, "");
_Static_assert(offsetof(struct rseq_area, rseq_cs) == offsetof(struct rseq, rseq_cs), "");

static struct rseq_area *own_area(void)
{
	return (struct rseq_area *)current->rseq.area;
}

/* ---- the ids ---- */

/* node_id is always 0: there is one node. */
static bool put_ids(struct rseq_area *to, u32 cpu_id_start, u32 cpu_id, u32 mm_cid)
{
	if (!user_access_begin((u64)to, sizeof(*to)))
		return false;
	user_put(cpu_id_start, &to->cpu_id_start, fault);
	user_put(cpu_id, &to->cpu_id, fault);
	user_put(0u, &to->node_id, fault);
	user_put(mm_cid, &to->mm_cid, fault);
	user_access_end();
	return true;
fault:
	user_access_end();
	return false;
}

/* Note the ids of now. Threads that run at the same time are on different CPUs, so that the CPU's
 * number can be their mm_cid; a task that is alone in its memory has 0. False: they are the same as
 * before. */
static bool note_ids(struct rseq_registration *r)
{
	u32 cpu_id, mm_cid;
	bool changed;

	preempt_disable(); /* so that any move after this one sets WORK_RSEQ again */
	cpu_id = this_cpu()->id;
	mm_cid = refcount_read(&current->mm->users) > 1 ? cpu_id : 0;
	changed = r->cpu_id != cpu_id || r->mm_cid != mm_cid;
	r->cpu_id = cpu_id;
	r->mm_cid = mm_cid;
	preempt_enable();
	return changed;
}

static bool write_noted_ids(void)
{
	struct rseq_registration *r = &current->rseq;

	if (put_ids(own_area(), r->cpu_id, r->cpu_id, r->mm_cid))
		return true;
	r->cpu_id = (u32)RSEQ_CPU_ID_UNINITIALIZED; /* so that it is tried again */
	return false;
}

/* ---- critical sections ---- */

static bool get_section_address(const struct rseq_area *area, u64 *at)
{
	bool bad = false;

	if (!user_access_begin((u64)area, sizeof(*area)))
		return false;
	user_get(*at, &area->rseq_cs, bad);
	user_access_end();
	return !bad;
}

static bool clear_section_address(struct rseq_area *area)
{
	return put_user(0ul, (u64 __user *)&area->rseq_cs) == 0;
}

static bool in_section(u64 ip, const struct rseq_cs *cs)
{
	return ip - cs->start_ip < cs->post_commit_offset;
}

/* All in user space, without overflow, and the abort handler is marked by the signature. */
static bool section_valid(const struct rseq_cs *cs)
{
	u32 sig;

	if (cs->version || cs->start_ip >= TASK_SIZE || cs->abort_ip >= TASK_SIZE ||
	    cs->post_commit_offset >= TASK_SIZE - cs->start_ip || in_section(cs->abort_ip, cs))
		return false;
	return get_user(sig, (const u32 __user *)(cs->abort_ip - sizeof(sig))) == 0 &&
	       sig == current->rseq.sig;
}

/* The flags, by which a section once could ask not to be restarted, must be 0. */
static bool flags_valid(const struct rseq_cs *cs)
{
	u32 flags;

	return !cs->flags && get_user(flags, (const u32 __user *)&own_area()->flags) == 0 && !flags;
}

static bool leave_section(struct pt_regs *regs, u64 at)
{
	struct rseq_cs cs;
	bool inside;

	if (copy_from_user(&cs, (const void __user *)at, sizeof(cs)) || !section_valid(&cs))
		return false;
	inside = in_section(regs->rip, &cs);
	if ((inside && !flags_valid(&cs)) || !clear_section_address(own_area()))
		return false;
	if (inside)
		regs->rip = cs.abort_ip;
	return true;
}

/* If `regs` are in the critical section that the area names, go to its abort handler. A section
 * that they have left is forgotten. False: something is wrong. */
static bool abort_section(struct pt_regs *regs)
{
	u64 at;

	return get_section_address(own_area(), &at) && (!at || leave_section(regs, at));
}

/* ---- when ---- */

noinline void rseq_work(struct pt_regs *regs)
{
	struct task *p = current;

	task_clear_work(p, WORK_RSEQ);
	if (!p->rseq.area)
		return;
	if ((note_ids(&p->rseq) && !write_noted_ids()) || (in_trap(p) && !abort_section(regs)))
		force_sig(SIGSEGV);
}

noinline bool rseq_signal(struct pt_regs *regs)
{
	return abort_section(regs);
}

/* The copied memory of a child has its parent's ids. Where memory is shared, the parent may have to
 * change its mm_cid, since it is no longer alone there. */
noinline void rseq_fork_registered(struct task *child, u64 flags)
{
	const struct rseq_registration *r = &current->rseq;

	if (flags & CLONE_VM) {
		child->rseq = (struct rseq_registration){0};
		if (r->mm_cid != r->cpu_id)
			task_set_work(current, WORK_RSEQ);
	} else if (r->mm_cid) {
		task_set_work(child, WORK_RSEQ); /* it is alone in its memory */
	}
}

/* ---- the system call ---- */

/* 0, or -EINVAL or -EPERM: it is not what is registered. */
static long check_registered(u64 area, u32 len, u32 sig)
{
	const struct rseq_registration *r = &current->rseq;

	if (r->area != area || r->len != len)
		return -EINVAL;
	return r->sig == sig ? 0 : -EPERM;
}

static long unregister(u64 area, u32 len, u32 sig)
{
	long err = area ? check_registered(area, len, sig) : -EINVAL;

	if (err)
		return err;
	if (!put_ids(own_area(), 0, (u32)RSEQ_CPU_ID_UNINITIALIZED, 0))
		return -EFAULT;
	current->rseq = (struct rseq_registration){0};
	return 0;
}

/* An area that is registered again may have the address of an old section: it is cleared. */
static long register_area(struct rseq_area *area, u32 len, u32 sig)
{
	u64 at = (u64)area;

	if (len < sizeof(*area) || at % RSEQ_ALIGN)
		return -EINVAL;
	if (at > TASK_SIZE - len || !get_section_address(area, &at) ||
	    (at && !clear_section_address(area)))
		return -EFAULT;
	current->rseq = (struct rseq_registration){.area = (u64)area, .len = len, .sig = sig};
	(void)note_ids(&current->rseq);
	if (!write_noted_ids())
		force_sig(SIGSEGV); /* it can be read, but not written */
	return 0;
}

long sys_rseq(struct rseq __user *area, u32 len, int flags, u32 sig)
{
	if (flags & RSEQ_FLAG_UNREGISTER)
		return flags == RSEQ_FLAG_UNREGISTER ? unregister((u64)area, len, sig) : -EINVAL;
	if (flags)
		return -EINVAL;
	if (current->rseq.area)
		return check_registered((u64)area, len, sig) ?: -EBUSY;
	return register_area((struct rseq_area *)area, len, sig);
}
