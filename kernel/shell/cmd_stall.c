/* stall: stalls locks and CPUs on purpose, to show the kernel's reports. The kernel goes on. */
#include "kernel/kthread.h"
#include "kernel/shell/shell.h"
#include "kernel/time/timer.h"

static u64 stalled_ns; /* how long to stall */

static spinlock_t stalled_lock = SPINLOCK_INIT(LOCK_FS);
static struct mutex stalled_mutex = MUTEX_INIT(stalled_mutex, LOCK_PIPE);
static bool begun;

static void spin_for(u64 ns)
{
	u64 until = ktime_get() + ns;

	while (ktime_get() < until)
		cpu_relax(); /* not cpu_wait(): a stuck CPU serves no flushes */
}

static int hold_lock(void *unused __maybe_unused)
{
	guard_spin(&stalled_lock);
	WRITE_ONCE(begun, true);
	spin_for(stalled_ns);
	return 0;
}

static void wait_for_lock(void)
{
	spin_lock(&stalled_lock);
	spin_unlock(&stalled_lock);
}

static int hold_mutex(void *unused __maybe_unused)
{
	guard_mutex(&stalled_mutex);
	WRITE_ONCE(begun, true);
	sleep_ns(stalled_ns);
	return 0;
}

static void wait_for_mutex(void)
{
	mutex_lock(&stalled_mutex);
	mutex_unlock(&stalled_mutex);
}

#define QUEUE 4

static int hold_briefly(void *unused __maybe_unused)
{
	guard_mutex(&stalled_mutex);
	WRITE_ONCE(begun, true);
	sleep_ns(stalled_ns / QUEUE);
	return 0;
}

static int hold_in_turn(void *unused __maybe_unused)
{
	struct task *t[QUEUE];

	for (int i = 0; i < QUEUE; i++)
		t[i] = kthread_create(hold_briefly, NULL, "queued");
	for (int i = 0; i < QUEUE; i++)
		if (!IS_ERR(t[i]))
			kthread_join(t[i]);
	return 0;
}

static void wait_behind_queue(void)
{
	sleep_ns(100 * NSEC_PER_MSEC); /* until all are queued */
	wait_for_mutex();
}

static int stop_interrupts(void *unused __maybe_unused)
{
	u64 flags = local_irq_save();

	WRITE_ONCE(begun, true);
	spin_for(2 * stalled_ns);
	local_irq_restore(flags);
	return 0;
}

static void be_busy(void)
{
	spin_for(2 * stalled_ns);
}

static void want_flush(void)
{
	flush_tlb_kernel_range((u64)&begun & PAGE_MASK, ((u64)&begun & PAGE_MASK) + PAGE_SIZE);
}

static void do_nothing(void)
{
}

static const struct stall {
	const char *name, *about;
	int (*culprit)(void *); /* on another CPU */
	void (*victim)(void);
} stalls[] = {
	{"lock", "a spinlock held for long, and waited for", hold_lock, wait_for_lock},
	{"hold", "a spinlock held for long, without a waiter *", hold_lock, do_nothing},
	{"mutex", "a mutex held for long *", hold_mutex, wait_for_mutex},
	{"queue", "a mutex that many hold in turn, each for a while: no stall", hold_in_turn,
	 wait_behind_queue},
	{"cpu", "a CPU that takes no interrupts *", stop_interrupts, be_busy},
	{"flush", "a CPU that does not flush its TLB", stop_interrupts, want_flush},
};

static int on_second_cpu(void *culprit)
{
	sched_set_affinity(current, cpumask_of(1));
	return ((int (*)(void *))culprit)(NULL);
}

/* Run the victim, this task, on the first CPU and the culprit on the second. */
static int run(const struct stall *s)
{
	struct cpumask before = sched_get_affinity(current);
	struct task *t;

	if (nr_cpus < 2)
		return shell_fail("stall: it takes two CPUs\n");
	sched_set_affinity(current, cpumask_of(0));
	WRITE_ONCE(begun, false);
	t = kthread_create(on_second_cpu, (void *)s->culprit, "stalled");
	if (IS_ERR(t)) {
		sched_set_affinity(current, before);
		return shell_fail("stall: no memory\n");
	}
	while (!READ_ONCE(begun))
		sleep_ns(NSEC_PER_MSEC);
	s->victim();
	kthread_join(t);
	sched_set_affinity(current, before);
	return 0;
}

/* 2.5 seconds by default. */
static bool set_duration(int argc, char **argv)
{
	u64 seconds;

	stalled_ns = 2500 * NSEC_PER_MSEC;
	if (argc < 3)
		return true;
	if (parse_u64(argv[2], &seconds) || seconds < 1 || seconds > 60)
		return false;
	stalled_ns = seconds * NSEC_PER_SEC;
	return true;
}

SHELL_COMMAND(stall, "system", 0, 2, "stall [KIND [SECONDS]]",
	      "hold something up for seconds, to see it reported; without KIND the list")
{
	if (!set_duration(argc, argv))
		return shell_usage("stall");
	for (size_t i = 0; i < ARRAY_SIZE(stalls); i++) {
		if (argc == 1)
			console_printf("  %-8s %s\n", stalls[i].name, stalls[i].about);
		else if (strcmp(argv[1], stalls[i].name) == 0)
			return run(&stalls[i]);
	}
	if (argc > 1)
		return shell_error(STATUS_USAGE, "stall: there is no '%s'; `stall` lists them\n",
				   argv[1]);
	console_printf("  * reported by a kernel built with -Ddebug_checks=true%s\n",
		       DEBUG_CHECKS ? ", as this one is" : "; this one is not");
	return 0;
}
