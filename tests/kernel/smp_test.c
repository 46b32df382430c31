/* Suite "smp": several CPUs. With one CPU each test still runs, and proves less. */
#include "kernel/kthread.h"
#include "kernel/lib/log.h"
#include "kernel/lib/string.h"
#include "kernel/lib/syscall.h"
#include "kernel/time/timer.h"
#include "mm/slab.h"
#include "mm/vmalloc.h"
#include "tests/kernel/ktest.h"
#include "tests/kernel/user_task.h"

/* ---- every CPU is asked, once ---- */

static struct cpumask called_on;
static u32 calls;

static bool same_cpus(const struct cpumask *a, const struct cpumask *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static void note_cpu(void *unused __maybe_unused)
{
	cpumask_set(&called_on, this_cpu()->id);
	__atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST);
}

KTEST(smp, call_reaches_every_cpu)
{
	for (int i = 0; i < 50; i++) {
		called_on = (struct cpumask){0};
		calls = 0;
		on_each_cpu(note_cpu, NULL);
		EXPECT(same_cpus(&called_on, &cpu_online_mask));
		EXPECT_EQ(calls, nr_cpus);
	}
}

/* ---- affinity ---- */

static u32 cpu_now(void)
{
	return READ_ONCE(current->cpu);
}

KTEST(smp, affinity_moves_the_caller)
{
	struct cpumask only, none = {0}, offline;

	for (int round = 0; round < 20; round++)
		for (u32 i = 0; i < nr_cpus; i++) {
			EXPECT_EQ(sched_set_affinity(current, cpumask_of(i)), 0);
			EXPECT_EQ(cpu_now(), i);
			only = sched_get_affinity(current);
			EXPECT(cpumask_test(&only, i) && cpumask_count(&only) == 1);
		}
	EXPECT_EQ(sched_set_affinity(current, none), -EINVAL);
	for (u32 i = 0; i < CPU_WORDS; i++)
		offline.bits[i] = ~cpu_online_mask.bits[i];
	EXPECT_EQ(sched_set_affinity(current, offline), -EINVAL);
}

static bool stop_spinning;

static int spin(void *unused __maybe_unused)
{
	while (!READ_ONCE(stop_spinning))
		cpu_relax();
	return 0;
}

/* Another task changes the affinity of a running task, again and again. */
KTEST(smp, affinity_moves_a_running_task)
{
	struct task *t;

	stop_spinning = false;
	t = kthread_create(spin, NULL, "spin");
	if (!EXPECT(!IS_ERR(t)))
		return;
	for (u32 i = 0; i < 4 * nr_cpus; i++) {
		u32 cpu = i % nr_cpus;
		u64 until = ktime_get() + NSEC_PER_SEC;

		EXPECT_EQ(sched_set_affinity(t, cpumask_of(cpu)), 0);
		while (READ_ONCE(t->cpu) != cpu && ktime_get() < until)
			sleep_ns(NSEC_PER_MSEC);
		EXPECT_EQ(READ_ONCE(t->cpu), cpu);
	}
	WRITE_ONCE(stop_spinning, true);
	kthread_join(t);
}

/* ---- as many spinners as CPUs: each gets one ---- */

KTEST(smp, load_spreads)
{
	struct cpumask used = {0};
	struct task **t = kmalloc(nr_cpus * sizeof(struct task *));
	u64 until;

	if (!EXPECT(t))
		return;

	stop_spinning = false;
	sched_set_affinity(current, cpumask_of(0));
	for (u32 i = 0; i < nr_cpus; i++) {
		t[i] = kthread_create(spin, NULL, "spin");
		EXPECT(!IS_ERR(t[i]));
	}
	until = ktime_get() +
		10 * NSEC_PER_SEC; /* the host may have fewer CPUs than this machine */
	while (!same_cpus(&used, &cpu_online_mask) && ktime_get() < until) {
		used = cpumask_of(0); /* this task's own CPU */
		for (u32 i = 0; i < nr_cpus; i++)
			if (!IS_ERR(t[i]) && READ_ONCE(t[i]->on_cpu))
				cpumask_set(&used, READ_ONCE(t[i]->cpu));
		if (!same_cpus(&used, &cpu_online_mask))
			sleep_ns(NSEC_PER_MSEC);
	}
	EXPECT(same_cpus(&used, &cpu_online_mask));
	WRITE_ONCE(stop_spinning, true);
	for (u32 i = 0; i < nr_cpus; i++)
		if (!IS_ERR(t[i]))
			kthread_join(t[i]);
	kfree(t);
}

/* ---- kernel mappings that come and go on all CPUs at once ---- */

#define VM_ROUNDS 60

static u32 wrong_words;

static int map_and_unmap(void *seed)
{
	for (u64 i = 0; i < VM_ROUNDS; i++) {
		size_t words = (1 + i % 5) * PAGE_SIZE / sizeof(u64);
		u64 *p = vmalloc(words * sizeof(u64)), tag = (u64)seed << 32 | i;

		if (!p)
			continue;
		for (size_t k = 0; k < words; k += 64)
			p[k] = tag + k;
		for (size_t k = 0; k < words; k += 64)
			if (p[k] != tag + k) /* a stale translation: another task's page */
				__atomic_add_fetch(&wrong_words, 1, __ATOMIC_SEQ_CST);
		vfree(p);
	}
	return 0;
}

KTEST(smp, kernel_mappings_are_flushed_everywhere)
{
	struct task *t[4];

	wrong_words = 0;
	for (int i = 0; i < 4; i++)
		t[i] = kthread_create(map_and_unmap, (void *)(u64)(i + 1), "vmalloc");
	for (int i = 0; i < 4; i++)
		if (EXPECT(!IS_ERR(t[i])))
			kthread_join(t[i]);
	EXPECT_EQ(wrong_words, 0);
}

/* ---- many tasks that come and go, wake each other and change their CPU ---- */

static struct wait_queue crowd = WAIT_QUEUE_INIT(crowd);
static u32 arrived;

static int come_and_go(void *nr)
{
	for (u64 i = 0; i < 40; i++) {
		sched_set_affinity(current, cpumask_of(((u64)nr + i) % nr_cpus));
		__atomic_add_fetch(&arrived, 1, __ATOMIC_SEQ_CST);
		wake_up_all(&crowd);
		sys_sched_yield();
	}
	return 0;
}

KTEST(smp, tasks_change_cpu_and_wake_others)
{
	struct task *t[8];
	u32 expected = 0;

	arrived = 0;
	for (u64 i = 0; i < ARRAY_SIZE(t); i++) {
		t[i] = kthread_create(come_and_go, (void *)i, "crowd");
		expected += IS_ERR(t[i]) ? 0 : 40;
	}
	wait_event(&crowd, READ_ONCE(arrived) == expected);
	for (u64 i = 0; i < ARRAY_SIZE(t); i++)
		if (EXPECT(!IS_ERR(t[i])))
			kthread_join(t[i]);
}
