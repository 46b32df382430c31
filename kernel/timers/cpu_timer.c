/*
 * CPU-time clocks and what hangs on them: timers, ITIMER_VIRTUAL and ITIMER_PROF, RLIMIT_CPU.
 *
 * The clocks are exact; the tick decides how they split into user and system time
 * (kernel/sched/account.c). The tick of the task that uses the time tests the timers, so these cost
 * nothing in system calls and switches.
 */
#include "kernel/timers/cpu_timer.h"

#include "kernel/sched/sched.h"
#include "kernel/task.h"
#include "kernel/time/timer.h"
#include "kernel/time/timespec.h"

#define EXPIRED_A_TICK 64 /* of one heap; the next tick goes on */

/* ---- how much ---- */

u64 task_cputime(struct task *p, enum cpu_clock which)
{
	if (which != CPU_VIRT)
		return task_runtime(p);
	task_charge(p);
	return READ_ONCE(p->utime);
}

u64 process_cputime(struct signal *sig, enum cpu_clock which)
{
	u64 sum = which == CPU_VIRT ? sig->gone.utime : sig->gone.utime + sig->gone.stime;
	struct task *t;

	list_for_each_entry (t, &sig->threads, thread_node)
		sum += task_cputime(t, which);
	return sum;
}

u64 cpu_target_time_locked(const struct cpu_target *target)
{
	return target->thread ? task_cputime(target->task, target->which)
			      : process_cputime(target->task->signal, target->which);
}

u64 cpu_target_time(const struct cpu_target *target)
{
	struct sighand *sh;
	u64 ns, flags;

	sh = lock_sighand(target->task, &flags);
	if (sh) {
		ns = cpu_target_time_locked(target);
		unlock_sighand(sh, flags);
		return ns;
	}
	/* The task is a leader that was reaped: its process may go on under another one. */
	guard_spin(&tasklist_lock);
	return cpu_target_time_locked(target);
}

/* ---- clock ids: ~pid << 3 | 4 for a thread | which ---- */

/* The task that a clock belongs to, with a reference. NULL: none, or the id may not name it. */
static struct task *find_target(pid_t pid, bool thread, bool reading)
{
	struct task *p = thread ? current : current->group_leader;

	if (pid == 0) {
		get_task(p);
		return p;
	}
	p = find_get_task(pid);
	if (!p || (thread ? p->signal == current->signal
			  : thread_group_leader(p) || (reading && p == current)))
		return p;
	put_task(p);
	return NULL;
}

int cpu_clock_target(clockid_t clock, bool reading, struct cpu_target *target)
{
	pid_t pid = 0;

	*target =
		(struct cpu_target){.which = CPU_SCHED, .thread = clock == CLOCK_THREAD_CPUTIME_ID};
	if (clock < 0) {
		pid = ~(clock >> 3);
		target->thread = clock & 4;
		target->which = clock & 3;
		if (target->which >= CPU_CLOCKS)
			return -EINVAL;
	}
	target->task = find_target(pid, target->thread, reading);
	return target->task ? 0 : -EINVAL;
}

u64 cpu_clock_resolution(clockid_t clock)
{
	return clock >= 0 || (clock & 3) == CPU_SCHED ? 1 : TICK_NS;
}

/* ---- timers ---- */

void cpu_timer_init(struct cpu_timer *t, void (*fn)(struct cpu_timer *))
{
	*t = (struct cpu_timer){.fn = fn};
}

static struct heap_node **heap_of(const struct cpu_timer *t)
{
	struct task *p = t->target.task;
	struct cpu_timers *timers = t->target.thread ? &p->cpu_timers : &p->signal->cpu_timers;

	return t->target.which == CPU_VIRT ? &timers->user : &timers->all;
}

static void take_off(struct cpu_timer *t)
{
	struct heap_node **root = heap_of(t);

	*root = heap_remove(*root, &t->node);
	t->armed = false;
}

void cpu_timer_start(struct cpu_timer *t, u64 expires)
{
	struct heap_node **root = heap_of(t);
	guard_irq(&t->target.task->signal->cpu_timers_lock);

	if (t->armed)
		take_off(t);
	t->node.key = expires;
	*root = heap_insert(*root, &t->node);
	t->armed = true;
}

void cpu_timer_cancel(struct cpu_timer *t)
{
	if (!t->target.task) /* a timer on no CPU clock */
		return;
	guard_irq(&t->target.task->signal->cpu_timers_lock);
	if (t->armed)
		take_off(t);
}

static void process_times(struct task *p, u64 used[CPU_CLOCKS])
{
	guard_irq(&p->sighand->lock);

	for (int i = 0; i < CPU_CLOCKS; i++)
		used[i] = process_cputime(p->signal, i);
}

static bool any_armed(const struct cpu_timers *timers)
{
	return READ_ONCE(timers->user) || READ_ONCE(timers->all);
}

/* Caller holds the lock. */
static void run_expired(struct heap_node **root, u64 used)
{
	for (int i = 0; i < EXPIRED_A_TICK && *root && (*root)->key <= used; i++) {
		struct cpu_timer *t = container_of(*root, struct cpu_timer, node);

		take_off(t);
		t->fn(t);
	}
}

static void run_timers(struct task *p, const u64 used[CPU_CLOCKS])
{
	struct signal *sig = p->signal;
	guard_irq(&sig->cpu_timers_lock);

	run_expired(&sig->cpu_timers.user, used[CPU_VIRT]);
	run_expired(&sig->cpu_timers.all, used[CPU_PROF]);
	run_expired(&p->cpu_timers.user, task_cputime(p, CPU_VIRT));
	run_expired(&p->cpu_timers.all, task_cputime(p, CPU_PROF));
}

/* ---- interval timers and RLIMIT_CPU ---- */

static bool itimer_expired(struct cpu_itimer *it, u64 used)
{
	if (!it->expires || used < it->expires)
		return false;
	it->expires = it->interval ? time_add(it->expires, it->interval) : 0;
	return true;
}

/* getrlimit(2): SIGXCPU at the soft limit and each second after it, SIGKILL at the hard one. The
 * soft limit that a program reads moves along, as on Linux. `second`: in the unit of the limit. */
static int limit_reached(struct rlimit64 *limit, u64 used, u64 second)
{
	if (used >= limit->rlim_max)
		return SIGKILL;
	if (used < limit->rlim_cur)
		return 0;
	limit->rlim_cur += second;
	return SIGXCPU;
}

static void check_limits(struct task *p, const u64 used[CPU_CLOCKS])
{
	struct signal *sig = p->signal;
	u64 flags = spin_lock_irqsave(&p->sighand->lock);
	const int signals[] = {
		itimer_expired(&sig->virtual_timer, used[CPU_VIRT]) ? SIGVTALRM : 0,
		itimer_expired(&sig->prof_timer, used[CPU_PROF]) ? SIGPROF : 0,
		limit_reached(&sig->rlim[RLIMIT_CPU], used[CPU_PROF] / NSEC_PER_SEC, 1),
		limit_reached(&sig->rlim[RLIMIT_RTTIME], p->rt_ns / NSEC_PER_USEC, 1000000),
	};

	spin_unlock_irqrestore(&p->sighand->lock, flags);
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		if (signals[i])
			send_signal(signals[i], NULL, p, true);
}

void cpu_time_tick(struct task *p)
{
	struct signal *sig = p->signal;
	u64 used[CPU_CLOCKS];
	bool limited, timers;

	/* A task that exits may be reaped on another CPU during this tick. */
	if (p->flags & (PF_KTHREAD | PF_EXITING))
		return;
	timers = any_armed(&sig->cpu_timers) || any_armed(&p->cpu_timers);
	limited = sig->virtual_timer.expires || sig->prof_timer.expires ||
		  sig->rlim[RLIMIT_CPU].rlim_cur != RLIM64_INFINITY ||
		  (p->rt_ns && sig->rlim[RLIMIT_RTTIME].rlim_cur != RLIM64_INFINITY);
	if (!timers && !limited)
		return;
	process_times(p, used);
	if (timers)
		run_timers(p, used);
	if (limited)
		check_limits(p, used);
}

/* ---- sleeping ---- */

struct cpu_sleeper {
	struct cpu_timer timer;
	struct task *task;
};

static void sleep_is_over(struct cpu_timer *t)
{
	wake_up_process(container_of(t, struct cpu_sleeper, timer)->task);
}

/* Sleep until the clock shows `until` or a signal is pending. Returns the time left. */
static u64 sleep_on_clock(const struct cpu_target *target, u64 until)
{
	struct cpu_sleeper s = {.task = current};
	u64 now;

	cpu_timer_init(&s.timer, sleep_is_over);
	s.timer.target = *target;
	for (;;) {
		current->state = TASK_INTERRUPTIBLE;
		cpu_timer_start(&s.timer, until);
		now = cpu_target_time(target);
		if (now >= until || signal_pending(current))
			break;
		schedule();
	}
	current->state = TASK_RUNNING;
	cpu_timer_cancel(&s.timer); /* the timer is on this stack */
	return until > now ? until - now : 0;
}

/* restart_arg: [0] the end on the clock, [1] where the time left goes, or 0, [2] the clock. */
static long sleep_relative(struct task *p)
{
	struct timespec __user *rem = (void __user *)p->restart_arg[1];
	struct cpu_target target;
	u64 left;

	if (cpu_clock_target((clockid_t)p->restart_arg[2], false, &target) != 0)
		return -EINVAL;
	left = sleep_on_clock(&target, p->restart_arg[0]);
	put_task(target.task);
	if (left == 0)
		return 0;
	if (rem && put_timespec(rem, left) != 0)
		return -EFAULT;
	p->restart_fn = sleep_relative;
	return -ERESTART_RESTARTBLOCK;
}

long cpu_clock_sleep(clockid_t clock, u64 ns, bool absolute, struct timespec __user *rem)
{
	struct cpu_target target;
	u64 left, now;

	if (cpu_clock_target(clock, false, &target) != 0)
		return -EINVAL;
	if (target.thread && target.task == current) { /* it would never end */
		put_task(target.task);
		return -EINVAL;
	}
	now = cpu_target_time(&target);
	left = absolute ? sleep_on_clock(&target, ns) : 0;
	put_task(target.task);
	if (absolute)
		return left ? -ERESTARTNOHAND : 0;
	current->restart_arg[0] = time_add(now, ns);
	current->restart_arg[1] = (u64)rem;
	current->restart_arg[2] = (u64)clock;
	return sleep_relative(current);
}
