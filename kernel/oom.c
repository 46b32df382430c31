/* Out of memory: one task dies so that the others may go on. */
#include "kernel/oom.h"

#include "kernel/fork.h"
#include "kernel/lib/log.h"
#include "kernel/task.h"
#include "kernel/time/timer.h"
#include "kernel/trace/trace.h"
#include "mm/mm.h"
#include "mm/slab.h"

/* The memory of a process, read from the first thread that has any: the leader may have exited
 * before the others. False: it has none. Caller holds tasklist_lock. */
static bool rss_of_process(const struct task *leader, struct mm_rss *rss)
{
	struct task *t;

	if (leader->flags & PF_KTHREAD)
		return false;
	list_for_each_entry (t, &leader->signal->threads, thread_node) {
		guard_spin(&t->lock);
		if (t->mm) {
			*rss = t->mm->rss;
			return true;
		}
	}
	return false;
}

#define NOT_KILLED INT64_MIN /* never chosen */

/* In pages: its memory, plus a thousandth of all memory for each point of oom_score_adj. */
static s64 badness(const struct task *leader)
{
	s64 adj = READ_ONCE(leader->signal->oom_score_adj);
	struct mm_rss rss;

	if (adj == OOM_SCORE_ADJ_MIN || leader->pid_nr == 1 || !rss_of_process(leader, &rss))
		return NOT_KILLED;
	return (s64)(rss.anon + rss.shared + rss.tables) + adj * (s64)nr_total_pages() / 1000;
}

/* As Linux scales it, 0 to 2000: 667 for a process with hardly any memory, 1333 for one with all of
 * it. */
u64 oom_score(const struct task *leader)
{
	s64 points = badness(leader), total = (s64)nr_total_pages();

	return points == NOT_KILLED ? 0 : (u64)((1000 + points * 1000 / total) * 2 / 3);
}

/* How long a victim may take before the next one is chosen. A victim that runs or waits for a CPU
 * is ending or freeing its memory, which may take long on a slow machine. One that sleeps may wait
 * for a lock that the current task holds over a copy to user memory. In the end the current task is
 * chosen itself, and its own death ends the copy. */
#define TIME_TO_END   NSEC_PER_SEC
#define TIME_TO_SLEEP (100 * NSEC_PER_MSEC)

/* Does an earlier victim still have threads, and time left? Caller holds tasklist_lock. */
static bool is_dying(const struct task *leader)
{
	u64 limit = READ_ONCE(leader->state) == TASK_RUNNING ? TIME_TO_END : TIME_TO_SLEEP;

	return !(leader->exit_state && leader->signal->nr_threads == 1) &&
	       ktime_get() - leader->oom_killed < limit;
}

/* Returns the leader of the process with the most memory that was not chosen before, with a
 * reference, or NULL. *dying: an earlier victim is still ending. */
static struct task *choose_victim(bool *dying)
{
	struct task *p, *victim = NULL;
	s64 most = NOT_KILLED;
	int nr = 0;

	*dying = false;
	guard_spin(&tasklist_lock);
	while ((p = next_leader(&nr)) != NULL) {
		s64 points = badness(p);

		if (guarded(p, oom_killed)) {
			*dying |= is_dying(p);
		} else if (points > most) {
			most = points;
			victim = p;
		}
	}
	if (victim)
		get_task(victim);
	return victim;
}

static void kill_victim(struct task *victim)
{
	struct mm_rss rss = {0};

	spin_lock(&tasklist_lock);
	rss_of_process(victim, &rss);
	guarded(victim, oom_killed) = ktime_get();
	send_signal(SIGKILL, NULL, victim, true);
	spin_unlock(&tasklist_lock);
	pr_err("out of memory: killed pid %d (%s), which had %lu pages; %lu pages are free\n",
	       victim->pid_nr, victim->comm, rss.anon + rss.shared, nr_free_pages());
	trace_oom_kill(victim);
}

/* Kernel threads and ending tasks may: they soon free what they take. */
bool may_use_reserve(void)
{
	return (current->flags & (PF_KTHREAD | PF_EXITING)) || fatal_signal_pending(current);
}

/* With this many pages free a page fault failed by bad luck or injection: trying again will do. */
#define ENOUGH_PAGES (PAGE_RESERVE + 32)
/* No system call needs this many pages. A caller that fails MAX_TRIES times with more than this
 * free asks for more than the machine has. */
#define PLENTY    4096UL
#define MAX_TRIES 8

/* Pages that another CPU keeps for itself count as free, but are of no use here. */
static void drain_cpu(void *unused __maybe_unused)
{
	slab_shrink();
	drain_cpu_pages();
}

bool out_of_memory(u32 tries)
{
	struct task *victim;
	bool dying;

	drain_task_cache();
	on_each_cpu(drain_cpu, NULL);
	if (nr_free_pages() > (tries ? PLENTY : ENOUGH_PAGES))
		return tries < MAX_TRIES;
	victim = choose_victim(&dying);
	if (victim && !dying)
		kill_victim(victim);
	if (victim)
		put_task(victim);
	/* Leave the CPU to the victim; the caller tries again in a moment. */
	if (!fatal_signal_pending(current))
		sleep_ns(NSEC_PER_MSEC);
	return victim || dying;
}

void pages_ran_out(void)
{
	task_set_work(current, WORK_OOM);
}

/* Failures within this time of the last retry count as tries of one call. */
#define RETRY_TIME (10 * NSEC_PER_SEC)

/* A system call that found no memory for the kernel's own needs is tried again after a process has
 * been killed; Linux does the same within the call. The call is at its end here: it holds no lock,
 * has given back what it took, and its arguments are still in `regs`. An -ENOMEM that comes from a
 * limit stays as it is: there the allocator did not fail. */
void oom_work(struct pt_regs *regs)
{
	struct task *p = current;
	u64 now = ktime_get();

	task_clear_work(p, WORK_OOM);
	if ((int)regs->orig_rax < 0 || (long)regs->rax != -ENOMEM || fatal_signal_pending(p))
		return;
	if (now - p->oom_retried > RETRY_TIME)
		p->oom_retries = 0;
	if (!out_of_memory(p->oom_retries)) {
		p->oom_retries = 0;
		return;
	}
	p->oom_retries++;
	p->oom_retried = now;
	regs->rax = regs->orig_rax;
	regs->rip -= 2; /* back to the syscall instruction */
}
