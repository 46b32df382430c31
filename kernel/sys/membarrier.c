/* membarrier(2): a memory barrier on every CPU that needs one. Each barrier command interrupts all
 * CPUs and waits until each has answered: an interrupt is a barrier, and the return from it
 * serialises the CPU. Registering is required, as on Linux, but changes nothing else. */
#include "kernel/lib/syscall.h"
#include "kernel/task.h"
#include "mm/mm.h"

/* The supported commands. Each registering one is the bit above the command that it allows. */
#define REGISTERING                                                                             \
	(MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED | MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED | \
	 MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE)
#define NEED_REGISTERING \
	(MEMBARRIER_CMD_PRIVATE_EXPEDITED | MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE)
#define COMMANDS \
	(MEMBARRIER_CMD_GLOBAL | MEMBARRIER_CMD_GLOBAL_EXPEDITED | REGISTERING | NEED_REGISTERING)

static void barrier_here(void *unused __maybe_unused)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* `cpu` is for the rseq commands, which are not supported. */
long sys_membarrier(int cmd, unsigned int flags, int cpu __maybe_unused)
{
	struct mm *mm = current->mm;

	if (flags)
		return -EINVAL;
	if (cmd == MEMBARRIER_CMD_QUERY)
		return COMMANDS;
	if (!(cmd & COMMANDS) || (cmd & (cmd - 1)))
		return -EINVAL;
	if (cmd & REGISTERING) {
		__atomic_or_fetch(&mm->membarrier, (u32)cmd, __ATOMIC_SEQ_CST);
		return 0;
	}
	if ((cmd & NEED_REGISTERING) &&
	    !(__atomic_load_n(&mm->membarrier, __ATOMIC_SEQ_CST) & (u32)cmd << 1))
		return -EPERM;
	on_each_cpu(barrier_here, NULL);
	return 0;
}
