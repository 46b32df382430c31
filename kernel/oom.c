/* Out of memory: one task dies so that the others may go on. */
#include "kernel/lib/log.h"
#include "kernel/task.h"
#include "kernel/time/timer.h"
#include "kernel/trace/trace.h"
#include "mm/mm.h"
#include "mm/slab.h"
#include "mm/vmalloc.h"

/* How much its death would free. Its areas are an upper bound that costs no walk of its tables.
 * Caller holds tasklist_lock, which keeps a task that has not exited in the tree, and p->mm with it
 * (exit_mm()). */
static u64 badness(const struct task *p)
{
	const struct mm *mm = READ_ONCE(p->mm);

	return mm && !(p->flags & PF_KTHREAD) ? mm->nr_mapped + 1 : 0;
}

/* The leader with the most memory, with a reference. `dying`: somebody was killed already and has
 * not gone yet. */
static struct task *choose_victim(bool *dying)
{
	struct task *p, *victim = NULL;
	u64 most = 0;

	*dying = false;
	spin_lock(&tasklist_lock);
	list_for_each_entry (p, &all_tasks, all) {
		u64 points;

		if (p->oom_victim && p->mm)
			*dying = true;
		points = p->exit_state ? 0 : badness(p);
		if (points > most) {
			most = points;
			victim = p;
		}
	}
	if (victim)
		get_task(victim);
	spin_unlock(&tasklist_lock);
	return victim;
}

static void kill_victim(struct task *victim)
{
	u64 pages;

	spin_lock(&tasklist_lock);
	pages = badness(victim);
	victim->oom_victim = true;
	send_signal(SIGKILL, NULL, victim, true);
	spin_unlock(&tasklist_lock);
	pr_err("out of memory: killed pid %d (%s), which had mapped %lu pages; %lu pages are free\n",
	       victim->pid_nr, victim->comm, pages, nr_free_pages());
	trace_oom_kill(victim);
}

/* With this many pages free a failed allocation was bad luck, or an injected fault: trying again
 * will do. */
#define ENOUGH_PAGES 64

/* What another CPU keeps for itself counts as free, and is no use to us. */
static void drain_cpu(void *unused __maybe_unused)
{
	slab_shrink();
	drain_cpu_pages();
}

void out_of_memory(void)
{
	struct task *victim;
	bool dying;

	drain_kernel_stacks();
	on_each_cpu(drain_cpu, NULL);
	if (nr_free_pages() > ENOUGH_PAGES)
		return;
	victim = choose_victim(&dying);
	if (victim && !dying)
		kill_victim(victim);
	if (victim)
		put_task(victim);
	/* Whoever is dying needs the CPU more than we do; the caller looks again in a moment. */
	if (!fatal_signal_pending(current))
		sleep_ns(NSEC_PER_MSEC);
}
