/* Reports what a fork did, all of it observed. The trace records of the call tell the child's pid,
 * which task ran first and which is blocked. The two tasks' pointers tell what they share, the
 * memory's own counts which tables and pages. do_fork() measures its own time. */
#include "kernel/shell/report.h"

#include "kernel/fs/fs.h"
#include "kernel/lib/syscall.h"
#include "kernel/ptrace/ptrace.h"
#include "kernel/sharing.h"
#include "kernel/trace/trace.h"
#include "mm/mm.h"

/* Both clocks at one moment: their advance since then gives the rate. */
static u64 base_cycles, base_ns;

void report_init(void)
{
	base_cycles = cpu_cycles();
	base_ns = arch_clock_ns();
}

u64 cycles_to_ns(u64 cycles)
{
	u64 passed = cpu_cycles() - base_cycles, ns = arch_clock_ns() - base_ns;

	while ((passed | ns) >> 32) { /* keep the product below 2^64 */
		passed >>= 1;
		ns >>= 1;
	}
	return passed ? (cycles & 0xffffffff) * ns / passed : 0;
}

void fork_base_take(struct fork_base *b, struct puppet *p)
{
	struct mm *mm scoped(mm_put) = puppet_get_mm(p);

	*b = (struct fork_base){0};
	if (mm) {
		b->cow_pages = mm->stats.cow_pages;
		b->cow_tables = mm->stats.cow_tables;
	}
}

/* What the trace says about one fork. */
struct fork_story {
	pid_t child;
	u64 child_ran; /* sequence number of the first switch to the child; 0: it has not run */
	bool vfork_wait;
};

static void read_story(struct fork_story *s, u64 from, pid_t parent)
{
	struct trace_view r;

	*s = (struct fork_story){0};
	for (u64 seq = from; seq < trace_next_seq(); seq++) {
		if (!trace_get(seq, &r))
			continue;
		if (r.id == TRACE_sched_process_fork && (pid_t)r.arg[0] == parent && s->child == 0)
			s->child = (pid_t)r.arg[1];
		if (s->child == 0)
			continue;
		if (r.id == TRACE_sched_switch && (pid_t)r.arg[3] == s->child && s->child_ran == 0)
			s->child_ran = seq + 1;
		if (r.id == TRACE_vfork_wait && (pid_t)r.arg[0] == parent)
			s->vfork_wait = true;
	}
}

static const char *who_ran_first(const struct call *c, const struct fork_story *s, bool stopped)
{
	if (stopped)
		return "the child is stopped";
	if (s->vfork_wait)
		return "the parent is blocked";
	if (s->child_ran == 0)
		return "the child has not run yet";
	/* At last_seq the parent, back in user mode, asked for its next order. */
	return s->child_ran - 1 < c->p->last_seq ? "the child ran first" : "the parent ran first";
}

static void print_pid_line(const char *what, const struct call *c, const struct fork_story *s,
			   bool stopped)
{
	console_printf("%s: %d -> %d (bit %d of the pidmap, %d of %d in use); %s\n", what,
		       c->task->pid_nr, s->child, s->child, pidmap_used(&init_pidmap),
		       init_pidmap.pid_max, who_ran_first(c, s, stopped));
}

static void print_copy_line(const struct call *c, struct mm *parent, struct mm *child,
			    const struct fork_base *before)
{
	const struct mm_stats *s = &child->stats;
	u64 tables = s->cow_tables, pages = s->cow_pages;

	if (parent) {
		tables += parent->stats.cow_tables - before->cow_tables;
		pages += parent->stats.cow_pages - before->cow_pages;
	}
	console_printf(
		"  tables: %lu shared, %lu copied; pages: %lu copied; do_fork took %lu cycles, %lu ns\n",
		s->tables_shared, s->tables_copied + tables, pages, c->task->fork_cycles,
		cycles_to_ns(c->task->fork_cycles));
}

static void list_part(const char *name, bool shared, u32 users)
{
	if (shared)
		console_printf(" %s (%u users)", name, users);
}

/* Compare the two tasks, and print what they share. */
static void print_shared(const struct task *a, const struct task *b)
{
	bool vm = a->mm && a->mm == b->mm, files = a->files && a->files == b->files;
	bool fs = a->fs && a->fs == b->fs, hand = a->sighand && a->sighand == b->sighand;
	bool group = a->signal == b->signal;

	console_printf("  shared:");
	list_part("memory", vm, vm ? refcount_read(&a->mm->users) : 0);
	list_part("files", files, files ? files_users(a->files) : 0);
	list_part("fs", fs, fs ? fs_context_users(a->fs) : 0);
	list_part("handlers", hand, hand ? refcount_read(&a->sighand->count) : 0);
	list_part("thread-group", group, group ? (u32)READ_ONCE(a->signal->nr_threads) : 0);
	console_printf("%s; own:%s%s%s%s%s\n", vm || files || fs || hand || group ? "" : " nothing",
		       vm ? "" : " memory", files ? "" : " files", fs ? "" : " fs",
		       hand ? "" : " handlers", group ? "" : " thread-group");
}

static void print_details(const struct call *c, struct task *child, const struct fork_base *before,
			  bool shared)
{
	if (shared)
		print_shared(c->task, child); /* first: our own references would count as users */
	struct mm *pm scoped(mm_put) = task_get_mm(c->task);
	struct mm *cm scoped(mm_put) = task_get_mm(child);
	if (cm && cm != pm)
		print_copy_line(c, pm, cm, before);
	else
		console_printf(
			"  tables and pages: none copied, both live in one address space; do_fork took "
			"%lu cycles, %lu ns\n",
			c->task->fork_cycles, cycles_to_ns(c->task->fork_cycles));
}

/* ---- what the tracer was told: ptrace_fork_event(), ptrace_init_task() ---- */

struct traced_fork {
	pid_t tracer;      /* of the parent; 0: it is not traced */
	bool told;         /* the parent stops at an event */
	bool child_traced; /* by the same */
	bool seized;
};

static void look_at_tracing(struct traced_fork *f, const struct task *parent,
			    const struct task *child, u32 event, u64 flags)
{
	guard_spin(&tasklist_lock);

	*f = (struct traced_fork){0};
	if (!is_traced(parent))
		return;
	f->tracer = parent->parent->pid_nr;
	f->told = !(flags & CLONE_UNTRACED) && (READ_ONCE(parent->trace.options) >> event & 1);
	f->child_traced = is_traced(child) && child->parent == parent->parent;
	f->seized = child->traced & TRACE_SEIZED;
}

static u32 fork_event(const struct puppet_order *o)
{
	u64 flags = o->nr == __NR_clone ? o->arg[0] : SIGCHLD;

	if (o->nr == __NR_vfork || (flags & CLONE_VFORK))
		return PTRACE_EVENT_VFORK;
	return (flags & CSIGNAL) == SIGCHLD ? PTRACE_EVENT_FORK : PTRACE_EVENT_CLONE;
}

static void print_tracing(const struct call *c, const struct task *child, u64 flags)
{
	static const char *const names[] = {[PTRACE_EVENT_FORK] = "FORK",
					    [PTRACE_EVENT_VFORK] = "VFORK",
					    [PTRACE_EVENT_CLONE] = "CLONE"};
	u32 event = fork_event(&c->p->order);
	struct traced_fork f;

	look_at_tracing(&f, c->task, child, event, flags);
	if (!f.tracer) {
		if (flags & (CLONE_PTRACE | CLONE_UNTRACED))
			console_printf(
				"  tracer: none, so CLONE_PTRACE and CLONE_UNTRACED change nothing\n");
		return;
	}
	console_printf("  tracer %d: ", f.tracer);
	if (f.told)
		console_printf("is told PTRACE_EVENT_%s", names[event]);
	else if (flags & CLONE_UNTRACED)
		console_printf("is told nothing: CLONE_UNTRACED");
	else
		console_printf("is told nothing: its option TRACE%s is off", names[event]);
	if (f.child_traced)
		console_printf("; child %d is traced too, and begins with %s\n", child->pid_nr,
			       f.seized ? "PTRACE_EVENT_STOP" : "SIGSTOP");
	else
		console_printf("; child %d is not traced\n", child->pid_nr);
}

static void print_advice(const struct call *c, const struct fork_story *s, bool stopped)
{
	if (s->vfork_wait && c->end != CALL_DONE)
		console_printf("  %d is blocked until %d calls exec or exit: try `%d: exit 0`\n",
			       c->task->pid_nr, s->child, s->child);
	if (stopped)
		console_printf("  %d waits for SIGCONT: try `kill SIGCONT %d`\n", s->child,
			       s->child);
}

void report_fork(const char *what, const struct call *c, const struct fork_base *before, u64 flags,
		 bool stopped)
{
	struct fork_story story;

	if (c->end == CALL_DONE && c->result < 0) {
		console_printf("%s: %d: %s (%ld); nothing was made\n", what, c->p->pid,
			       errno_name(-c->result), c->result);
		return;
	}
	read_story(&story, c->seq, c->task->pid_nr);
	if (story.child == 0) {
		console_printf("%s: %d: the call has not returned\n", what, c->p->pid);
		return;
	}
	print_pid_line(what, c, &story, stopped);
	struct task *child scoped(put_task) = find_get_task(story.child);
	if (child) {
		print_details(c, child, before, flags != 0);
		print_tracing(c, child, flags);
	}
	print_advice(c, &story, stopped);
}
