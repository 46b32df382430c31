/* membarrier(2): a memory barrier on every CPU that needs one. Each barrier command interrupts all
 * CPUs and waits until each has answered: an interrupt is a barrier, and the return from it
 * serialises the CPU. Registering is required, as on Linux, but changes nothing else. */
#include "kernel/lib/syscall.h"
#include "kernel/rseq/rseq.h"
#include "mm/mm.h"

/* Linux 6.3: a name that older UAPI headers do not have. */
#define GET_REGISTRATIONS (1 << 9)

/* The supported commands. Each registering one is the bit above the command that it allows. */
#define REGISTERING                                                                             \
	(MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED | MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED | \
	 MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE |                                  \
	 MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ)
#define NEED_REGISTERING                                                                 \
	(MEMBARRIER_CMD_PRIVATE_EXPEDITED | MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE | \
	 MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ)
#define COMMANDS                                                                 \
	(MEMBARRIER_CMD_GLOBAL | MEMBARRIER_CMD_GLOBAL_EXPEDITED | REGISTERING | \
	 NEED_REGISTERING | GET_REGISTRATIONS)

static u32 registrations(struct mm *mm)
{
	return __atomic_load_n(&mm->membarrier, __ATOMIC_SEQ_CST);
}

/* As on Linux, a process that registered for one of the other private commands is registered for
 * the plain one too, but may not use it. */
static long get_registrations(struct mm *mm)
{
	u32 set = registrations(mm);

	if (set & (MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE |
		   MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ))
		set |= MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED;
	return set;
}

static void barrier_here(void *unused __maybe_unused)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ */
struct restart {
	const struct mm *mm;
	int cpu; /* negative: all */
};

static void restart_here(void *arg)
{
	const struct restart *r = arg;

	barrier_here(NULL);
	if (current->mm == r->mm && current->rseq.area &&
	    (r->cpu < 0 || (u32)r->cpu == this_cpu()->id))
		task_set_work(current, WORK_RSEQ);
}

/* `cpu` counts with MEMBARRIER_CMD_FLAG_CPU only; one that does not exist is no error, as on Linux.
 */
long sys_membarrier(int cmd, unsigned int flags, int cpu)
{
	struct mm *mm = current->mm;
	bool rseq = cmd == MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ;
	struct restart restart = {.mm = mm, .cpu = flags ? cpu : -1};

	if (flags && !(rseq && flags == MEMBARRIER_CMD_FLAG_CPU))
		return -EINVAL;
	if (cmd == MEMBARRIER_CMD_QUERY)
		return COMMANDS;
	if (!(cmd & COMMANDS) || (cmd & (cmd - 1)))
		return -EINVAL;
	if (cmd == GET_REGISTRATIONS)
		return get_registrations(mm);
	if (cmd & REGISTERING) {
		__atomic_or_fetch(&mm->membarrier, (u32)cmd, __ATOMIC_SEQ_CST);
		return 0;
	}
	if ((cmd & NEED_REGISTERING) && !(registrations(mm) & (u32)cmd << 1))
		return -EPERM;
	on_each_cpu(rseq ? restart_here : barrier_here, &restart);
	return 0;
}
