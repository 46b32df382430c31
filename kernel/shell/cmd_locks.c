/*
 * locks: which locks are held, which tasks wait, and for how long locks were held.
 *
 * Tasks change this while it is read: a line may be outdated. Pointers to locks and owners are
 * printed, never followed: they may be gone.
 */
#include "kernel/debug/debug.h"
#include "kernel/shell/shell.h"

static u32 show_held(const struct task *t)
{
	u32 n = MIN(READ_ONCE(t->nr_held), (u32)MAX_HELD_LOCKS);

	for (u32 i = 0; i < n; i++) {
		const struct held_lock *h = &t->held[i];
		const char *name = lock_class_name(h->class);

		if (READ_ONCE(h->since))
			console_printf(
				"%6d %-16s cpu %-2u holds %-8s %p for %lu us, taken at %pS\n",
				t->pid_nr, t->comm, READ_ONCE(t->cpu), name, h->lock,
				held_lock_ns(h) / 1000, h->pc);
		else
			console_printf("%6d %-16s cpu %-2u waits for %-8s %p\n", t->pid_nr, t->comm,
				       READ_ONCE(t->cpu), name, h->lock);
	}
	return n;
}

static u32 show_wait(struct task *t, const struct task_list *all)
{
	const struct task *owner;
	const struct mutex *m = mutex_waited_for(t, &owner);

	if (!m)
		return 0;
	console_printf("%6d %-16s waits for mutex %p", t->pid_nr, t->comm, (const void *)m);
	for (size_t i = 0; i < all->n; i++)
		if (all->task[i] == owner)
			console_printf(" of %d (%s)", all->task[i]->pid_nr, all->task[i]->comm);
	console_printf("\n");
	return 1;
}

static void show_classes(void)
{
	struct lock_stat s;

	console_printf("%-10s %10s %12s  %s\n", "CLASS", "CONTENDED", "LONGEST us", "TAKEN AT");
	for (unsigned int c = LOCK_NONE + 1; c < LOCK_CLASSES; c++) {
		lock_stat_get(c, &s);
		if (s.longest)
			console_printf("%-10s %10lu %12lu  %pS\n", lock_class_name(c), s.contended,
				       s.longest / 1000, s.longest_pc);
	}
}

SHELL_COMMAND(locks, "look", 0, 0, "locks",
	      "locks that are held or waited for, and the longest hold of each class")
{
	struct task_list all;
	u32 n = 0;

	if (task_list_get(&all) != 0)
		return shell_fail("locks: no memory\n");
	for (u32 i = 0; i < nr_cpus; i++)
		n += show_held(cpus[i].rq->idle);
	for (size_t i = 0; i < all.n; i++)
		n += show_held(all.task[i]) + show_wait(all.task[i], &all);
	task_list_free(&all);
	if (n == 0)
		console_printf(DEBUG_CHECKS ? "no lock is held\n" : "no task waits for a mutex\n");
	if (DEBUG_CHECKS)
		show_classes();
	else
		console_printf("a kernel built with -Ddebug_checks=true shows all locks, and for "
			       "how long they were held\n");
	return 0;
}
