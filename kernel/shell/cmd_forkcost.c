/* forkcost: what a fork of the selected puppet costs, with each depth of sharing, side by side. */
#include "kernel/shell/report.h"
#include "mm/mm.h"

struct cost {
	u64 cycles; /* the least of all rounds: others met an interrupt or refilled a cache */
	u64 shared, copied;
};

static void read_stats(struct cost *cost, struct puppet *child)
{
	struct mm *mm scoped(mm_put) = puppet_get_mm(child);

	if (mm) {
		cost->shared = mm->stats.tables_shared;
		cost->copied = mm->stats.tables_copied;
	}
}

/* Fork, let the child exit, and wait for it: the next round finds the same state. False if one of
 * them fails, which has been printed. */
static bool one_round(struct puppet *p, struct cost *cost)
{
	long pid = call_simple(p, true, __NR_fork, 0, 0, 0, 0);

	if (pid <= 0)
		return false;
	struct task *t scoped(put_task) = puppet_task(p);
	if (t == NULL)
		return false;
	if (cost->cycles == 0 || t->fork_cycles < cost->cycles)
		cost->cycles = t->fork_cycles;
	struct puppet *child scoped(puppet_put) = puppet_find((pid_t)pid);
	if (child == NULL)
		return false;
	read_stats(cost, child);
	call_simple(child, true, __NR_exit, 0, 0, 0, 0);
	if (READ_ONCE(child->state) == PUPPET_GONE)
		puppet_forget(child); /* its end is not reported */
	return call_simple(p, true, __NR_wait4, (u64)pid, 0, 0, 0) == pid;
}

static bool measure(struct puppet *p, enum fork_share share, u64 rounds)
{
	static const char *const names[] = {"pages", "tables", "tree"};
	long before = fork_share;
	struct cost cost = {0};
	bool ok = true;

	fork_share = share;
	for (u64 i = 0; i < rounds && ok; i++)
		ok = one_round(p, &cost) && !shell_interrupted();
	fork_share = before;
	if (ok)
		console_printf("%-10s %13lu %13lu %13lu %13lu\n", names[share], cost.shared,
			       cost.copied, cost.cycles, cycles_to_ns(cost.cycles));
	return ok;
}

SHELL_COMMAND(forkcost, "make", 0, 1, "forkcost [ROUNDS]",
	      "fork with each fork.share, the least cost of some rounds (9) side by side")
{
	u64 rounds = 9;
	bool ok = true;

	if (argc == 2 && (parse_u64(argv[1], &rounds) != 0 || rounds == 0))
		return shell_error(STATUS_USAGE,
				   "forkcost: '%s' is not a number of rounds from 1 up\n", argv[1]);
	struct puppet *p scoped(puppet_put) = puppet_ready();
	if (p == NULL)
		return STATUS_FAILED;
	console_printf("%-10s %13s %13s %13s %13s\n", "fork.share", "tables shared",
		       "tables copied", "cycles", "ns");
	for (int share = SHARE_PAGES; share <= SHARE_TREE && ok; share++)
		ok = measure(p, share, rounds);
	return ok ? 0 : STATUS_FAILED;
}
