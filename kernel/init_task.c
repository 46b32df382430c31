/* Pid 0: the only task that was never forked, which becomes the idle task of the first CPU; and its
 * copies, the idle tasks of the others. */
#include "kernel/fork.h"
#include "kernel/lib/log.h"
#include "kernel/lib/string.h"
#include "kernel/resources.h"
#include "kernel/task.h"
#include "kernel/time/timer.h"
#include "mm/mm.h"

static struct signal init_signal = {
	.count = REFCOUNT_INIT(1),
	.nr_threads = 1,
	.live = 1,
	.threads = {&init_task.thread_node, &init_task.thread_node},
	.leader = &init_task,
	.wait_chld = WAIT_QUEUE_INIT(init_signal.wait_chld),
	.shared = {.queue = LIST_HEAD_INIT(init_signal.shared.queue)},
	.cpu_timers_lock = SPINLOCK_INIT(LOCK_CPUTIME),
	.handlers = {.count = REFCOUNT_INIT(1),
		     .lock = SPINLOCK_INIT(LOCK_SIGHAND),
		     .defaulted = ~0UL},
};
/* The group and session of the kernel itself: number 0, never in the pidmap. */
static struct pid init_pid = {.count = REFCOUNT_INIT(1), .uses = REFCOUNT_INIT(1)};

/* boot/start.asm gives it init_stack. */
struct task init_task = {
	.stack = init_stack,
	.usage = REFCOUNT_INIT(2),
	.lock = SPINLOCK_INIT(LOCK_TASK),
	.flags = PF_KTHREAD,
	.active_mm = &init_mm,
	.cred = &init_cred,
	.signal = &init_signal,
	.sighand = &init_signal.handlers,
	.pending = {.queue = LIST_HEAD_INIT(init_task.pending.queue)},
	.real_parent = &init_task,
	.parent = &init_task,
	.children = LIST_HEAD_INIT(init_task.children),
	.zombies = LIST_HEAD_INIT(init_task.zombies),
	.jobs = LIST_HEAD_INIT(init_task.jobs),
	.group_leader = &init_task,
	.thread_node = {&init_signal.threads, &init_signal.threads},
	.static_prio = NICE_TO_PRIO(0),
	.normal_prio = NICE_TO_PRIO(0),
	.prio = NICE_TO_PRIO(0),
	.time_slice = TICK_NS,
	.timer_slack = 50 * NSEC_PER_USEC,
	.comm = "idle",
};

static void init_limits(void)
{
	struct rlimit64 *rlim = init_signal.rlim;
	u64 nproc = max_threads / 2;

	for (int i = 0; i < RLIM_NLIMITS; i++)
		rlim[i] = (struct rlimit64){RLIM64_INFINITY, RLIM64_INFINITY};
	rlim[RLIMIT_STACK].rlim_cur = 8 * 1024 * 1024;
	rlim[RLIMIT_CORE].rlim_cur = 0;
	rlim[RLIMIT_NPROC] = (struct rlimit64){nproc, nproc};
	rlim[RLIMIT_NOFILE] = (struct rlimit64){1024, NOFILE_MAX};
	rlim[RLIMIT_MEMLOCK] = (struct rlimit64){8 * 1024 * 1024, 8 * 1024 * 1024};
	rlim[RLIMIT_SIGPENDING] = (struct rlimit64){nproc, nproc};
	rlim[RLIMIT_MSGQUEUE] = (struct rlimit64){819200, 819200};
	rlim[RLIMIT_NICE] = (struct rlimit64){0, 0};
	rlim[RLIMIT_RTPRIO] = (struct rlimit64){0, 0};
}

void init_task_init(void)
{
	init_limits();
	set_number(&init_task, &init_pid);
	for (int type = 0; type < PIDTYPE_LISTS; type++) {
		list_init(&init_pid.tasks[type]);
		attach_pid(&init_task, type, &init_pid);
	}
}

/* An idle task is like init_task: pid 0, in no list. It shares everything with init_task, and never
 * exits. */
struct task *fork_idle(u32 cpu)
{
	struct task *p = dup_task_struct(&init_task);

	if (!p)
		return NULL;
	atomic_dec(&nr_task_structs); /* idle tasks are counted neither here nor in nr_threads */
	arch_free_thread(p);          /* it never enters user mode */
	p->thread = (struct thread){0};
	p->state = TASK_RUNNING;
	p->pid_nr = p->tgid_nr = p->ppid_nr = 0;
	p->cred = init_task.cred;
	p->signal = init_task.signal;
	p->sighand = init_task.sighand;
	memcpy(p->pids, init_task.pids, sizeof(p->pids));
	p->real_parent = p->parent = p->group_leader = &init_task;
	p->active_mm = &init_mm;
	mm_grab(&init_mm);
	list_init(&p->thread_node);
	p->time_slice = TICK_NS;
	p->bound = true;
	p->cpus_mask = cpumask_of(cpu);
	scnprintf(p->comm, sizeof(p->comm), "idle/%u", cpu);
	return p;
}
