/*
 * Random preemption, for tests (kernel/lib/fuzz.h).
 *
 * Each CPU has a pseudo-random generator of its own, seeded by sched.fuzz and its number, so that
 * CPUs do not influence each other. The die is thrown only where preemption is possible: with
 * preempt_count 0, interrupts on, and outside of interrupt handlers. By chance the caller then goes
 * to the end of its list; if no other task wants this CPU, it waits a little, so that tasks on
 * other CPUs overtake it.
 */
#include "kernel/lib/fuzz.h"

#include "kernel/lib/tunable.h"
#include "kernel/sched/rq.h"

#define ONE_IN    16  /* one throw in so many takes the CPU away */
#define DELAY_MAX 512 /* turns of an idle loop, if no other task wants the CPU */

long sched_fuzz;

static void tell_cpus(void)
{
	for (u32 i = 0; i < MAX_CPUS; i++)
		WRITE_ONCE(cpus[i].fuzzed, sched_fuzz != 0);
}
TUNABLE_HOOKED(sched_fuzz, "sched.fuzz", sched_fuzz, 0, 0x7fffffff, NULL,
	       "seed of pseudo-random preemption at locks and faults; 0: none", tell_cpus);

/* Touched by its own CPU only, with interrupts off. */
static PER_CPU struct fuzz {
	long seed; /* the one that x was made from */
	u64 x;     /* never 0 */
	struct fuzz_stats stats;
} fuzz;

/* Neighbouring seeds must not give similar sequences: the finaliser of splitmix64. */
static u64 scramble(u64 x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9UL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebUL;
	return x ^ (x >> 31);
}

static u64 throw(struct fuzz * f, u32 cpu)
{
	long seed = READ_ONCE(sched_fuzz);

	if (f->seed != seed)
		*f = (struct fuzz){.seed = seed, .x = scramble((u64)seed * MAX_CPUS + cpu + 1) | 1};
	f->x ^= f->x << 13; /* xorshift64 */
	f->x ^= f->x >> 7;
	f->x ^= f->x << 17;
	return f->x >> 20;
}

/* Let the other tasks of this priority go first; with `to_expired` also those in the expired array.
 * False if no task waits. A real-time task keeps its place, as sched(7) promises. */
static bool step_back(struct rq *rq, bool to_expired)
{
	guard_spin(&rq->lock); /* interrupts are off: its release does not switch yet */
	if (rq->nr_running <= 1 || !current->array || rt_task(current))
		return false;
	requeue_task(current, to_expired ? rq->expired : rq->active);
	WRITE_ONCE(rq->cpu->need_resched, 1);
	return true;
}

void sched_fuzz_here(void)
{
	const void *pc = __builtin_return_address(0);
	u64 flags, dice, delay = 0;
	struct cpu *cpu;
	struct fuzz *f;

	if (preempt_count() != 0 || !irqs_enabled() || irq_depth() != 0)
		return;
	flags = local_irq_save();
	cpu = this_cpu();
	f = percpu(&fuzz);
	dice = throw(f, cpu->id);
	f->stats.throws++;
	if (dice % ONE_IN == 0 && cpu->rq->nr_running != 0) {
		if (step_back(cpu->rq, dice & ONE_IN)) {
			f->stats.preemptions++;
			f->stats.signature =
				scramble(f->stats.signature ^ (u64)pc ^ (u64)current->pid_nr);
		} else {
			delay = (dice >> 8) % DELAY_MAX;
		}
	}
	local_irq_restore(flags);
	while (delay--)
		cpu_relax();
	preempt_schedule();
}

void sched_fuzz_stats(struct fuzz_stats *sum)
{
	*sum = (struct fuzz_stats){0};
	for (u32 i = 0; i < nr_cpus; i++) {
		const struct fuzz_stats *s = &percpu_of(i, &fuzz)->stats;

		sum->throws += READ_ONCE(s->throws);
		sum->preemptions += READ_ONCE(s->preemptions);
		sum->signature = scramble(sum->signature + READ_ONCE(s->signature));
	}
}
