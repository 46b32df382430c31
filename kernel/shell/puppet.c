/* Puppets: how they start, get orders, and end. */
#include "kernel/shell/puppet.h"

#include "kernel/exec/exec.h"
#include "kernel/fork.h"
#include "kernel/sharing.h"
#include "kernel/shell/shell.h"
#include "kernel/time/timer.h"
#include "kernel/trace/trace.h"
#include "kernel/wait.h"
#include "mm/mm.h"
#include "mm/slab.h"

extern const char puppet_text_start[], puppet_text_end[];

#define PUPPET_STACK_TOP 0x7ffffffff000UL
#define PUPPET_BRK       0x10000000UL
#define PUPPET_MMAP      0x7ffff7fff000UL

spinlock_t puppets_lock = SPINLOCK_INIT(LOCK_PUPPET);
struct list_head puppets = LIST_HEAD_INIT(puppets);
struct wait_queue puppet_events = WAIT_QUEUE_INIT(puppet_events);

/* ---- life and death ---- */

void puppet_get(struct puppet *p)
{
	refcount_inc(&p->count);
}

void puppet_put(struct puppet *p)
{
	if (p && refcount_dec_and_test(&p->count))
		kfree(p);
}

static const struct attachment_ops puppet_ops;

/* fork: a puppet's child is a puppet. */
static int copy_puppet(struct task *task)
{
	struct puppet *p = kzalloc(sizeof(*p));

	if (!p)
		return -ENOMEM;
	refcount_set(&p->count, 1);
	p->task = task;
	wait_queue_init(&p->orders);
	p->attachment.ops = &puppet_ops;
	task->attached = &p->attachment;
	return 0;
}

/* Put the puppet on the list, where the shell finds it. */
static void publish_puppet(struct task *task)
{
	struct puppet *p = puppet_of(task);

	puppet_get(p); /* the list's reference */
	guard_spin(&puppets_lock);
	list_add_tail(&p->link, &puppets);
}

void puppet_forget(struct puppet *p)
{
	spin_lock(&puppets_lock);
	list_del(&p->link);
	spin_unlock(&puppets_lock);
	puppet_put(p);
}

/* exit or exec: the task is no puppet any more. */
static void release_puppet(struct task *task)
{
	struct puppet *p = puppet_of(task);

	task->attached = NULL;
	spin_lock(&puppets_lock);
	p->exited = task->flags & PF_EXITING;
	p->exit_code = task->exit_code;
	p->pid = task->pid_nr;
	p->task = NULL;
	p->state = PUPPET_GONE;
	spin_unlock(&puppets_lock);
	puppet_put(p);
	wake_up_all(&puppet_events);
}

/* ---- orders ---- */

/* Note that the last order, if any, is done. After a signal the next one may be there already. */
static void ask(struct puppet *p, long result)
{
	u64 now = cpu_cycles();

	spin_lock(&puppets_lock);
	p->pid = current->pid_nr;
	if (p->state == PUPPET_BUSY) {
		p->result = result;
		p->end_cycles = now;
		p->nr_done++;
	}
	if (p->state == PUPPET_NEW)
		p->first_seq = trace_next_seq();
	if (p->state == PUPPET_NEW || p->state == PUPPET_BUSY) {
		p->last_seq = trace_next_seq();
		p->state = PUPPET_IDLE;
	}
	spin_unlock(&puppets_lock);
	wake_up_all(&puppet_events);
}

static long fetch(struct puppet *p, struct pt_regs *regs)
{
	struct puppet_order o;

	spin_lock(&puppets_lock);
	o = p->order;
	p->state = PUPPET_BUSY;
	spin_unlock(&puppets_lock);
	regs->rdi = o.arg[0];
	regs->rsi = o.arg[1];
	regs->rdx = o.arg[2];
	regs->r10 = o.arg[3];
	regs->r8 = o.arg[4];
	regs->r9 = o.arg[5];
	task_set_work(current, WORK_FRAME);
	p->start_cycles = cpu_cycles();
	return o.nr; /* into rax */
}

/* The private call: sleep until the shell gives an order, then load it into `regs`. */
static long puppet_next(struct pt_regs *regs)
{
	struct puppet *p = puppet_of(current);
	int err;

	ask(p, (long)regs->rdi);
	err = wait_event_interruptible(&p->orders, READ_ONCE(p->state) == PUPPET_ORDERED);
	return err ? err : fetch(p, regs); /* after a signal the call restarts with the same rdi */
}

static long puppet_syscall(struct pt_regs *regs, unsigned long nr)
{
	return nr == NR_PUPPET_NEXT ? puppet_next(regs) : -ENOSYS;
}

static bool stops_clone(void)
{
	struct puppet *p = puppet_of(current);
	bool stopped = p->clone_stopped;

	p->clone_stopped = false;
	return stopped;
}

static const struct attachment_ops puppet_ops = {.copy = copy_puppet,
						 .publish = publish_puppet,
						 .release = release_puppet,
						 .stops_clone = stops_clone,
						 .call = puppet_syscall};

struct puppet *puppet_of(const struct task *t)
{
	struct attachment *a = t->attached;

	return a && a->ops == &puppet_ops ? container_of(a, struct puppet, attachment) : NULL;
}

void puppet_give(struct puppet *p, const struct puppet_order *order)
{
	spin_lock(&puppets_lock);
	p->order = *order;
	p->told = false;
	if (p->state == PUPPET_IDLE)
		p->state = PUPPET_ORDERED;
	spin_unlock(&puppets_lock);
	wake_up(&p->orders);
}

struct puppet *puppet_find(pid_t pid)
{
	struct puppet *p;

	guard_spin(&puppets_lock);
	list_for_each_entry (p, &puppets, link) {
		if (p->state == PUPPET_GONE || !p->task || (pid && p->task->pid_nr != pid))
			continue;
		puppet_get(p);
		return p;
	}
	return NULL;
}

struct task *puppet_task(struct puppet *p)
{
	struct task *t;

	guard_spin(&puppets_lock);
	t = p->task;
	if (t)
		get_task(t);
	return t;
}

struct mm *puppet_get_mm(struct puppet *p)
{
	struct task *t scoped(put_task) = puppet_task(p);

	return t ? task_get_mm(t) : NULL;
}

/* ---- the first one: an address space built by hand ---- */

/* The page of the program, shared by all first puppets. NULL without memory. */
static struct vm_object *code_object(void)
{
	static struct vm_object *code;
	struct vm_object *obj;
	struct page *page;

	if (code)
		return code;
	obj = object_create("puppet", PAGE_SIZE);
	if (!obj)
		return NULL;
	if (object_get_page(obj, 0, true, &page) != 0) {
		object_put(obj);
		return NULL;
	}
	memcpy(page_to_virt(page), puppet_text_start, puppet_text_end - puppet_text_start);
	put_page(page);
	return code = obj;
}

static long map_puppet(struct mm *mm, struct vm_object *code)
{
	const u32 rw = AREA_READ | AREA_WRITE;
	const u64 word = 0;
	long ret = mm_map(mm, PUPPET_CODE, PAGE_SIZE, AREA_READ | AREA_EXEC, code, 0, MM_FIXED);

	if (ret >= 0)
		ret = mm_map(mm, PUPPET_DATA, PAGE_SIZE + PUPPET_SCRATCH_SIZE, rw, NULL, 0,
			     MM_FIXED);
	if (ret >= 0)
		ret = mm_map(mm, PUPPET_STACK_TOP - PUPPET_STACK_SIZE, PUPPET_STACK_SIZE,
			     rw | AREA_GROWSDOWN | AREA_STACK, NULL, 0, MM_FIXED);
	/* Fault in the data page, so that a fork has a private page to share. */
	if (ret >= 0 &&
	    mm_access(mm, PUPPET_DATA, (void *)&word, sizeof(word), true) != sizeof(word))
		ret = -ENOMEM;
	return ret < 0 ? ret : 0;
}

static struct mm *puppet_mm(void)
{
	const struct rlimit64 *rlim = current->signal->rlim;
	struct vm_object *code = code_object();
	struct mm *mm = code ? mm_create() : NULL;

	if (!mm)
		return NULL;
	mm->limit_stack = rlim[RLIMIT_STACK].rlim_cur;
	mm->limit_data = rlim[RLIMIT_DATA].rlim_cur;
	mm->limit_as = rlim[RLIMIT_AS].rlim_cur;
	mm->mmap_base = PUPPET_MMAP;
	mm->start_brk = mm->brk = PUPPET_BRK;
	mm->start_code = PUPPET_CODE;
	mm->end_code = PUPPET_CODE + (u64)(puppet_text_end - puppet_text_start);
	mm->start_data = mm->end_data = PUPPET_DATA;
	mm->start_stack = PUPPET_STACK_TOP - 16;
	if (map_puppet(mm, code) != 0) {
		mm_put(mm);
		return NULL;
	}
	return mm;
}

/* Body of the thread that becomes a puppet; it returns to user mode. */
static int become_puppet(void *unused __maybe_unused)
{
	struct mm *mm = puppet_mm();

	if (!mm || console_files() != 0 || arch_prepare_user() != 0 || copy_puppet(current) != 0) {
		if (mm)
			mm_put(mm);
		do_exit(STATUS_FAILED << 8);
	}
	publish_puppet(current);
	own_group();
	exec_adopt_mm(mm);
	current->flags &= ~PF_KTHREAD;
	current->blocked = 0;
	start_thread(task_pt_regs(current), PUPPET_CODE, PUPPET_STACK_TOP - 16);
	return 0;
}

/* Wait until t's puppet sleeps in its first call. With a reference; NULL: `t` had no memory. */
static struct puppet *wait_for_start(struct task *t)
{
	struct puppet *p = NULL;

	while (!READ_ONCE(t->exit_state)) {
		p = puppet_find(t->pid_nr);
		if (p && READ_ONCE(p->state) == PUPPET_IDLE)
			return p;
		puppet_put(p);
		sleep_ns(NSEC_PER_MSEC);
	}
	return NULL;
}

int puppet_start(struct puppet **out)
{
	pid_t pid = kernel_thread(become_puppet, NULL, "puppet");
	struct wait_result ended;
	struct task *t;

	if (pid < 0)
		return pid;
	t = find_get_task(pid);
	if (!t)
		return -ENOMEM;
	*out = wait_for_start(t);
	if (!*out)
		do_wait(PIDTYPE_PID, t->pid_nr, WEXITED | WNOHANG | __WALL, &ended);
	put_task(t);
	return *out ? 0 : -ENOMEM;
}
