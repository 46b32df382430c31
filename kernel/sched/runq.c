/* Snapshots of the run queues: for the shell's `runq`, for ps and for the tests. */
#include "kernel/lib/command.h"
#include "kernel/lib/fuzz.h"
#include "kernel/lib/log.h"
#include "kernel/lib/string.h"
#include "kernel/sched/rq.h"

static size_t snapshot_array(struct rq *rq, struct prio_array *array, struct runq_entry *out,
			     size_t max)
{
	size_t n = 0;
	struct task *p;

	for (int prio = 0; prio < PRIO_LISTS; prio++) {
		list_for_each_entry (p, &array->queue[prio], run_list) {
			if (n == max)
				return n;
			out[n] = (struct runq_entry){.pid = p->pid_nr,
						     .prio = prio,
						     .active = array == rq->active,
						     .running = p == rq->curr,
						     .timeslice = p->time_slice};
			strlcpy(out[n].comm, p->comm, sizeof(out[n].comm));
			n++;
		}
	}
	return n;
}

size_t sched_snapshot(struct cpu *cpu, struct runq_entry *out, size_t max)
{
	struct rq *rq = cpu->rq;
	guard_irq(&rq->lock);
	size_t n = snapshot_array(rq, rq->active, out, max);

	n += snapshot_array(rq, rq->expired, out + n, max - n);
	return n;
}

#define RUNQ_SHOWN 16

SHELL_COMMAND(runq, "look", 0, 0, "runq",
	      "the run queue of each CPU, in the order in which its tasks will run")
{
	struct runq_entry entries[RUNQ_SHOWN];

	for (u32 i = 0; i < nr_cpus; i++) {
		struct rq *rq = cpu_rq(i);
		size_t n = sched_snapshot(&cpus[i], entries, RUNQ_SHOWN);

		console_printf("cpu %u: %u runnable, %lu switches, child_first=%ld\n", i,
			       rq->nr_running, rq->nr_switches, sched_child_first);
		console_printf("  %-8s %4s %6s %5s %s\n", "ARRAY", "PRIO", "PID", "MS", "COMMAND");
		for (size_t k = 0; k < n; k++)
			console_printf("  %-8s %4d %6d %5ld %s%s\n",
				       entries[k].active ? "active" : "expired", entries[k].prio,
				       entries[k].pid, entries[k].timeslice / (s64)NSEC_PER_MSEC,
				       entries[k].comm, entries[k].running ? "  <- running" : "");
		if (rq->nr_running > n)
			console_printf("  … and %lu more\n", rq->nr_running - n);
	}
	if (sched_fuzz) {
		struct fuzz_stats fuzz;

		sched_fuzz_stats(&fuzz);
		console_printf("sched.fuzz=%ld: %lu preemptions in %lu throws\n", sched_fuzz,
			       fuzz.preemptions, fuzz.throws);
	}
	return 0;
}
