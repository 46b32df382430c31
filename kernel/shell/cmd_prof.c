/* prof: in which functions of the kernel a command spends its time. Meanwhile a timer on each CPU
 * samples the interrupted address. Code that runs with interrupts off is counted where they are
 * enabled again. (tools/profile counts instructions, from outside.) */
#include "kernel/debug/debug.h"
#include "kernel/shell/shell.h"
#include "kernel/time/timer.h"
#include "mm/vmalloc.h"

#define SAMPLE_NS (200 * NSEC_PER_USEC)
#define PLACES    4096 /* different addresses; a power of two */
#define TRIES     32
#define SHOWN     25
#define USER      1UL /* no address in the kernel */

/* Atomic: all CPUs count in one table. An address keeps its place. */
struct place {
	u64 address; /* 0: free */
	u64 count;
};

static struct place *places;
static u64 lost; /* atomic: samples that found no room */
static PER_CPU struct timer sampler;

static void count_sample(u64 address)
{
	size_t i = address * 0x9e3779b97f4a7c15UL >> 32;

	for (int tries = 0; tries < TRIES; tries++) {
		struct place *p = &places[(i + tries) % PLACES];
		u64 there = 0;

		if (__atomic_compare_exchange_n(&p->address, &there, address, false,
						__ATOMIC_RELAXED, __ATOMIC_RELAXED) ||
		    there == address) {
			__atomic_add_fetch(&p->count, 1, __ATOMIC_RELAXED);
			return;
		}
	}
	__atomic_add_fetch(&lost, 1, __ATOMIC_RELAXED);
}

static void take_sample(struct timer *t)
{
	const struct cpu *cpu = this_cpu();
	const struct pt_regs *regs = cpu->irq_regs;

	if (regs && current != cpu->rq->idle)
		count_sample(user_mode(regs) ? USER : regs->rip);
	timer_start(t, ktime_get() + SAMPLE_NS);
}

/* Called on each CPU, with interrupts off: its timer's callback is not running. */
static void start_sampling(void *unused __maybe_unused)
{
	struct timer *t = percpu(&sampler);

	timer_init(t, take_sample);
	timer_start(t, ktime_get() + SAMPLE_NS);
}

static void stop_sampling(void *unused __maybe_unused)
{
	timer_cancel(percpu(&sampler));
}

/* Merge the addresses of each function, and sort by count. Returns the number of functions. */
static size_t by_function(u64 *total)
{
	size_t n = 0;

	*total = 0;
	for (size_t i = 0; i < PLACES; i++) {
		struct place p = places[i];
		size_t j = 0;

		if (p.count == 0)
			continue;
		*total += p.count;
		if (p.address != USER && symbol_start(p.address))
			p.address = symbol_start(p.address);
		while (j < n && places[j].address != p.address)
			j++;
		if (j == n)
			places[n++] = p; /* n <= i: that place has been read */
		else
			places[j].count += p.count;
	}
	for (size_t i = 1; i < n; i++) {
		struct place p = places[i];
		size_t j = i;

		for (; j > 0 && places[j - 1].count < p.count; j--)
			places[j] = places[j - 1];
		places[j] = p;
	}
	return n;
}

static void report(void)
{
	u64 total;
	size_t n = by_function(&total);

	console_printf("prof: %lu samples, one each %lu us of a CPU that was not idle%s\n", total,
		       SAMPLE_NS / NSEC_PER_USEC, lost ? "; some found no room" : "");
	for (size_t i = 0; i < MIN(n, (size_t)SHOWN); i++) {
		u64 permille = places[i].count * 1000 / total;
		char name[80];

		symbol_name(places[i].address, name, sizeof(name));
		for (char *p = name; *p; p++)
			if (*p == '+')
				*p = '\0'; /* only the function's name */
		console_printf("%3lu.%lu %% %8lu  %s\n", permille / 10, permille % 10,
			       places[i].count, places[i].address == USER ? "user" : name);
	}
}

SHELL_COMMAND(prof, "look", 1, ANY, "prof COMMAND...",
	      "functions of the kernel by their share of the time of a command or program")
{
	int status;

	if (places)
		return shell_fail("prof: one at a time\n");
	places = vmalloc(PLACES * sizeof(*places));
	if (!places)
		return shell_fail("prof: no memory\n");
	memset(places, 0, PLACES * sizeof(*places));
	lost = 0;
	on_each_cpu(start_sampling, NULL);
	status = shell_run_words(argc - 1, argv + 1, false);
	on_each_cpu(stop_sampling, NULL);
	report();
	vfree(places);
	places = NULL;
	return status;
}
