/* A process that dies with a core dump: core.c. */
#pragma once

#include "kernel/signal/signal.h"

/* A thread that waits on its way to exit: its registers stay as they are. On its own stack. */
struct core_thread {
	struct list_head link;
	struct task *task; /* sh: NULL: it may go on */
};

/* On the stack of the thread that the signal was for, which writes the dump. */
struct core_dump {
	struct task *dumper;
	const ksiginfo_t *info;
	struct list_head threads; /* sh to change: core_thread, without the dumper */
	u32 missing;              /* sh, a word: threads that are still to come */
};

/* What writes a dump. Neither is called by a process that ends otherwise. */
struct core_ops {
	bool (*wanted)(void); /* is current to be dumped? Called with sighand->lock held */
	/* Write the dump while all other threads wait. True if there is one, be it cut short. */
	bool (*write)(const struct core_dump *core);
};
extern const struct core_ops *core_ops; /* set while the system comes up */

/* current's process dies of this signal. sighand->lock is held with `flags`, and released. */
void die_with_core(const ksiginfo_t *info, u64 flags) __noreturn;
/* current, which is `p`, has JOBCTL_CORE: wait until the dump is written. Caller holds
 * sighand->lock, which is released meanwhile. */
void core_join(struct task *p);
