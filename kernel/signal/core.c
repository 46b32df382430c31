/*
 * The death of a process with a core dump: core(5).
 *
 * The thread that the signal was for begins the end of its group, as exit_group(2) does. Every
 * other thread comes to core_join() on its way to exit, and waits there. When all have come, their
 * registers and their memory stand still, and the dump is written (kernel/coredump/). Then all end.
 *
 * Of all signals only SIGKILL still reaches a process that dumps: it ends the dump. Processes that
 * share the memory, but are no threads, run on, as on Linux.
 */
#include "kernel/signal/core.h"

#include "kernel/exit.h"
#include "kernel/lib/log.h"
#include "kernel/signal/group_exit.h"
#include "kernel/task.h"
#include "kernel/time/timer.h"

#define WCOREFLAG 0x80 /* of a wait status: wait(2) */

const struct core_ops *core_ops;

/* Send all others to core_join(). False: the group is ending already, or only one thread is to
 * stay, which is in execve(2). Caller holds sighand->lock. */
static bool begin(struct core_dump *core)
{
	struct task *p = current, *t;
	struct signal *sig = p->signal;

	if (sig->group_exit || sig->exec_task)
		return false;
	begin_group_exit(p, core->info->si_signo);
	list_for_each_entry (t, &sig->threads, thread_node) {
		if (t == p || (t->flags & PF_EXITING))
			continue;
		guarded(t, jobctl) = JOBCTL_STOP_PENDING | JOBCTL_CORE;
		core->missing++;
	}
	sig->core = core;
	task_clear_work(p, WORK_SIGPENDING); /* from now on it means SIGKILL */
	return true;
}

/* Interrupts are off only because of the lock: the caller's flags turn them on. */
void core_join(struct task *p)
{
	struct core_dump *core = p->signal->core;
	struct core_thread me = {.task = p};
	u64 flags = local_irq_save();

	guarded(p, jobctl) = 0;
	if (!core) /* SIGKILL has ended the dump */
		return;
	list_add(&me.link, &core->threads);
	if (--core->missing == 0)
		wake_up_process(core->dumper);
	while (me.task) {
		p->state = TASK_UNINTERRUPTIBLE; /* under the lock: finish() finds this state */
		spin_unlock_irqrestore(&p->sighand->lock, flags);
		local_irq_enable();
		schedule();
		flags = spin_lock_irqsave(&p->sighand->lock);
		flags = local_irq_save();
	}
	p->exit_code = p->signal->group_exit_code;
}

/* A thread that has come leaves its CPU soon, and its registers are saved then. */
static void wait_asleep(const struct task *t)
{
	while (READ_ONCE(t->array) || __atomic_load_n(&t->on_cpu, __ATOMIC_ACQUIRE)) {
		current->state = TASK_UNINTERRUPTIBLE;
		schedule_until(ktime_get() + NSEC_PER_MSEC / 8);
	}
}

/* Wait until all have come. False: SIGKILL did. */
static bool gather(struct core_dump *core)
{
	struct task *p = current;
	struct core_thread *t;

	for (;;) {
		p->state = TASK_KILLABLE;
		barrier();
		if (READ_ONCE(core->missing) == 0 || fatal_signal_pending(p))
			break;
		schedule();
	}
	p->state = TASK_RUNNING;
	if (fatal_signal_pending(p))
		return false;
	list_for_each_entry (t, &core->threads, link)
		wait_asleep(t->task);
	return true;
}

/* Let all go. Whoever has not come yet does not wait any more. */
static void finish(struct core_dump *core, bool written)
{
	struct task *p = current, *task;
	struct core_thread *t;
	guard_irq(&p->sighand->lock);

	p->signal->core = NULL;
	if (written && !fatal_signal_pending(p))
		p->signal->group_exit_code |= WCOREFLAG;
	while ((t = list_take_first(&core->threads, struct core_thread, link)) != NULL) {
		task = t->task;
		t->task = NULL;
		wake_up_process(task); /* it stays: it needs the lock to go on */
	}
}

noinline void die_with_core(const ksiginfo_t *info, u64 flags)
{
	struct task *p = current;
	struct core_dump core = {.dumper = p, .info = info};
	bool begun;

	list_init(&core.threads);
	begun = core_ops->wanted() && begin(&core);
	spin_unlock_irqrestore(&p->sighand->lock, flags);
	if (begun)
		finish(&core, gather(&core) && core_ops->write(&core));
	do_group_exit(info->si_signo);
}
