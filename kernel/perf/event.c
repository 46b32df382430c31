/*
 * Events on tasks. The one that perf_event_open(2) made is a root; a child that is forked by a task
 * with such an event gets a copy of it, whose count is added to the root's.
 */
#include "kernel/lib/string.h"
#include "kernel/lib/tunable.h"
#include "kernel/perf/perf.h"
#include "kernel/ptrace/ptrace.h"
#include "mm/mm.h"
#include "mm/slab.h"

/* All of the events, and the lists of them. */
static struct mutex perf_lock = MUTEX_INIT(perf_lock, LOCK_PERF);

long perf_event_paranoid = 2;
TUNABLE(perf_event_paranoid, "kernel.perf_event_paranoid", perf_event_paranoid, -1, INT32_MAX, NULL,
	"who may count what: 2 users not the kernel, 1 no CPUs, 0 and -1 all");

struct counts {
	u64 value;
	u64 ran; /* ns that the task ran */
};

struct perf_event {
	struct perf_event *next, **at; /* in the list of its task */
	struct task *task;             /* NULL: it is no longer counted */
	struct perf_event *root;       /* constant */
	struct list_head copies;       /* a root's; a copy is in them */
	struct perf_event *leader;     /* itself, or another event of the task */
	struct list_head group;        /* a leader's others; each of them is in it */
	struct perf_event *copy;       /* during a fork: the child's */
	struct user *user;             /* constant: who made the root */
	bool unlimited;                /* constant: that was root */
	struct perf_event_attr attr;   /* constant, but for enable_on_exec */
	u64 id;                        /* constant */
	bool enabled;
	bool counting;      /* enabled, as is its leader */
	struct counts from; /* the task's, up to which they are in `sum` */
	struct counts sum;
	struct counts gone; /* a root's: the sums of copies that are no more */
};

#define EVENT_BYTES 512 /* what kzalloc() takes for it */
_Static_assert(sizeof(struct perf_event) <= EVENT_BYTES, "");

/* ---- counting; the caller holds the lock ---- */

/* How often it has happened to p since p was forked. Switches and migrations happen in the kernel.
 */
static u64 happened(const struct perf_event *e, struct task *p)
{
	bool kernel = !e->attr.exclude_kernel, user = !e->attr.exclude_user;

	switch (e->attr.config) {
	case PERF_COUNT_SW_CPU_CLOCK:
	case PERF_COUNT_SW_TASK_CLOCK:
		return task_runtime(p);
	case PERF_COUNT_SW_PAGE_FAULTS:
	case PERF_COUNT_SW_PAGE_FAULTS_MIN:
		return (user ? READ_ONCE(p->user_flt) : 0) +
		       (kernel ? READ_ONCE(p->kernel_flt) : 0);
	case PERF_COUNT_SW_CONTEXT_SWITCHES:
		return kernel ? READ_ONCE(p->nvcsw) + READ_ONCE(p->nivcsw) : 0;
	case PERF_COUNT_SW_CPU_MIGRATIONS:
		return kernel ? READ_ONCE(p->migrations) : 0;
	default:
		return 0;
	}
}

/* Bring the sum up to date, and see whether the event goes on counting. */
static void settle(struct perf_event *e)
{
	struct counts now;

	if (!e->task)
		return;
	now = (struct counts){.value = happened(e, e->task), .ran = task_runtime(e->task)};
	/* The clocks of two CPUs may differ a little. */
	now.value = MAX(now.value, e->from.value);
	now.ran = MAX(now.ran, e->from.ran);
	if (e->counting) {
		e->sum.value += now.value - e->from.value;
		e->sum.ran += now.ran - e->from.ran;
	}
	e->from = now;
	e->counting = e->enabled && e->leader->enabled;
}

static void set_enabled(struct perf_event *e, bool enabled)
{
	struct perf_event *other;

	e->enabled = enabled;
	settle(e);
	if (e->leader == e)
		list_for_each_entry (other, &e->group, group)
			settle(other);
}

static void add(struct counts *to, const struct counts *more)
{
	to->value += more->value;
	to->ran += more->ran;
}

static struct counts total(struct perf_event *root)
{
	struct counts sum = root->gone;
	struct perf_event *copy;

	settle(root);
	add(&sum, &root->sum);
	list_for_each_entry (copy, &root->copies, copies) {
		settle(copy);
		add(&sum, &copy->sum);
	}
	return sum;
}

/* ---- making and freeing; the caller holds the lock ---- */

/* The events of one user, root excepted, may take a 64th of memory, and are never more than 65,536:
 * one read may have to go through all of them. */
static bool charge(struct perf_event *e, struct user *user)
{
	u64 most = MIN(nr_total_pages() * PAGE_SIZE / 64 / EVENT_BYTES, 1UL << 16);

	if ((u64)atomic_add_return(&user->events, 1) > most && !e->unlimited) {
		atomic_dec(&user->events);
		return false;
	}
	refcount_inc(&user->count);
	e->user = user;
	return true;
}

static void attach(struct perf_event *e, struct task *p)
{
	e->task = p;
	e->next = p->perf;
	e->at = &p->perf;
	if (e->next)
		e->next->at = &e->next;
	__atomic_store_n(&p->perf, e, __ATOMIC_SEQ_CST);
}

/* The task is no longer counted. Its sum stays. */
static void detach(struct perf_event *e)
{
	if (!e->task)
		return;
	settle(e);
	e->counting = false;
	WRITE_ONCE(*e->at, e->next);
	if (e->next)
		e->next->at = e->at;
	e->task = NULL;
}

static void join_group(struct perf_event *e, struct perf_event *leader)
{
	e->leader = leader;
	list_add_tail(&e->group, &leader->group);
}

/* Those that it led are alone now. */
static void leave_group(struct perf_event *e)
{
	struct perf_event *other;

	if (e->leader != e) {
		list_del_init(&e->group);
		e->leader = e;
		return;
	}
	while ((other = list_take_first(&e->group, struct perf_event, group))) {
		other->leader = other;
		settle(other);
	}
}

static struct perf_event *event_alloc(const struct perf_event_attr *attr, struct perf_event *root)
{
	struct perf_event *e = kzalloc(sizeof(*e));

	if (!e)
		return NULL;
	e->unlimited = root ? root->unlimited : cred_is_root(current->cred);
	if (!charge(e, root ? root->user : current->cred->user)) {
		kfree(e);
		return NULL;
	}
	e->attr = *attr;
	e->leader = e;
	list_init(&e->group);
	e->root = root ?: e;
	list_init(&e->copies);
	if (root)
		list_add_tail(&e->copies, &root->copies);
	return e;
}

static void discard(struct perf_event *e)
{
	leave_group(e);
	detach(e);
	if (e->root != e) {
		add(&e->root->gone, &e->sum);
		list_del(&e->copies);
	}
	atomic_dec(&e->user->events);
	put_user_struct(e->user);
	kfree(e);
}

/* Its task goes, or wants to be rid of it. A root is still read. */
static void forget(struct perf_event *e)
{
	if (e->root == e)
		detach(e);
	else
		discard(e);
}

/* ---- what read(2) gives ---- */

/* How many words are read of so many events. */
static size_t words_of(u64 format, u64 events)
{
	size_t each = 1 + !!(format & PERF_FORMAT_ID) + !!(format & PERF_FORMAT_LOST);

	return each * events + !!(format & PERF_FORMAT_GROUP) +
	       !!(format & PERF_FORMAT_TOTAL_TIME_ENABLED) +
	       !!(format & PERF_FORMAT_TOTAL_TIME_RUNNING);
}

static u64 group_size(const struct perf_event *leader)
{
	struct perf_event *other;
	u64 n = 1;

	list_for_each_entry (other, &leader->group, group)
		n++;
	return n;
}

static u64 *put_times(u64 *to, const struct perf_event *e, u64 ran)
{
	if (e->attr.read_format & PERF_FORMAT_TOTAL_TIME_ENABLED)
		*to++ = ran;
	if (e->attr.read_format & PERF_FORMAT_TOTAL_TIME_RUNNING)
		*to++ = ran;
	return to;
}

static u64 *put_names(u64 *to, const struct perf_event *e, const struct perf_event *of)
{
	if (e->attr.read_format & PERF_FORMAT_ID)
		*to++ = of->id;
	if (e->attr.read_format & PERF_FORMAT_LOST)
		*to++ = 0; /* only samples can be lost */
	return to;
}

static void read_group(struct perf_event *e, u64 *to)
{
	struct perf_event *leader = e->leader, *other;
	struct counts sum = total(leader);

	*to++ = group_size(leader);
	to = put_times(to, e, sum.ran);
	*to++ = sum.value;
	to = put_names(to, e, leader);
	list_for_each_entry (other, &leader->group, group) {
		*to++ = total(other).value;
		to = put_names(to, e, other);
	}
}

static void read_one(struct perf_event *e, u64 *to)
{
	struct counts sum = total(e);

	*to++ = sum.value;
	put_names(put_times(to, e, sum.ran), e, e);
}

u64 *perf_event_read(struct perf_event *e, size_t *bytes)
{
	bool group = e->attr.read_format & PERF_FORMAT_GROUP;
	u64 *values;

	guard_mutex(&perf_lock);
	*bytes = words_of(e->attr.read_format, group ? group_size(e->leader) : 1) * sizeof(*values);
	values = kmalloc(*bytes);
	if (!values)
		return NULL;
	if (group)
		read_group(e, values);
	else
		read_one(e, values);
	return values;
}

u64 perf_event_id(const struct perf_event *e)
{
	return e->id;
}

/* ---- opening and closing ---- */

static bool may_count(struct task *p)
{
	return cred_is_root(current->cred) || ptrace_may_access(p, ACCESS_BY_UID);
}

static bool too_large(const struct perf_event_attr *attr, u64 events)
{
	return words_of(attr->read_format, events) * sizeof(u64) >= PERF_READ_MAX;
}

/* 0 or the error of perf_event_create(). Caller holds the lock. */
static int check_leader(const struct perf_event *leader, const struct perf_event_attr *attr,
			const struct task *p)
{
	struct perf_event *other;
	u64 n = group_size(leader) + 1;

	if (leader->leader != leader || leader->task != p || leader->attr.inherit != attr->inherit)
		return -EINVAL;
	if (too_large(attr, n) || too_large(&leader->attr, n))
		return -E2BIG;
	list_for_each_entry (other, &leader->group, group)
		if (too_large(&other->attr, n))
			return -E2BIG;
	return 0;
}

struct perf_event *perf_event_create(const struct perf_event_attr *attr, struct task *p,
				     struct perf_event *leader)
{
	static u64 last_id; /* perf_lock */
	struct perf_event *e;
	int err = 0;

	guard_mutex(&perf_lock);
	if (leader)
		err = check_leader(leader, attr, p);
	e = err ? ERR_PTR(err) : event_alloc(attr, NULL);
	if (IS_ERR(e))
		return e;
	if (!e)
		return ERR_PTR(-ENOMEM);
	e->id = ++last_id;
	attach(e, p);
	/* p ends, or executes a set-id program: either it has seen the event, or we see that. */
	if (READ_ONCE(p->flags) & PF_EXITING)
		err = -ESRCH;
	else if (!may_count(p))
		err = -EACCES;
	if (err) {
		discard(e);
		return ERR_PTR(err);
	}
	if (leader)
		join_group(e, leader);
	set_enabled(e, !attr->disabled);
	return e;
}

void perf_event_free(struct perf_event *root)
{
	struct perf_event *copy, *next;

	guard_mutex(&perf_lock);
	list_for_each_entry_safe (copy, next, &root->copies, copies)
		discard(copy);
	discard(root);
}

/* ---- switching on and off ---- */

typedef void change_fn(struct perf_event *e);

/* The root, and its copies in children. */
static void change_all(struct perf_event *root, change_fn *change)
{
	struct perf_event *copy;

	change(root);
	list_for_each_entry (copy, &root->copies, copies)
		change(copy);
}

static void change(struct perf_event *e, bool group, change_fn *fn)
{
	struct perf_event *other;

	guard_mutex(&perf_lock);
	change_all(group ? e->leader : e, fn);
	if (group)
		list_for_each_entry (other, &e->leader->group, group)
			change_all(other, fn);
}

static void enable(struct perf_event *e)
{
	set_enabled(e, true);
}

static void disable(struct perf_event *e)
{
	set_enabled(e, false);
}

static void reset(struct perf_event *e)
{
	settle(e);
	e->sum.value = 0;
}

void perf_event_enable(struct perf_event *e, bool group)
{
	change(e, group, enable);
}

void perf_event_disable(struct perf_event *e, bool group)
{
	change(e, group, disable);
}

void perf_event_reset(struct perf_event *e, bool group)
{
	change(e, group, reset);
}

/* ---- fork, exec, exit ---- */

static bool inherited(const struct perf_event *e, u64 clone_flags)
{
	return e->attr.inherit && (!e->attr.inherit_thread || (clone_flags & CLONE_THREAD));
}

int perf_inherit(struct task *child, u64 clone_flags)
{
	struct perf_event *e, *leader;
	bool failed = false;

	mutex_lock(&perf_lock);
	for (e = current->perf; e; e = e->next) {
		e->copy = NULL;
		if (failed || !inherited(e, clone_flags))
			continue;
		e->copy = event_alloc(&e->attr, e->root);
		if (e->copy) {
			e->copy->enabled = e->enabled;
			attach(e->copy, child);
		} else {
			failed = true;
		}
	}
	for (e = current->perf; e; e = e->next) {
		leader = e->leader->task == current ? e->leader->copy : NULL;
		if (e->copy && leader && leader != e->copy)
			join_group(e->copy, leader);
	}
	for (e = child->perf; e; e = e->next)
		settle(e);
	mutex_unlock(&perf_lock);
	if (!failed)
		return 0;
	exit_perf(child);
	return -ENOMEM;
}

void perf_forget(struct task *p)
{
	struct perf_event *e;

	guard_mutex(&perf_lock);
	while ((e = p->perf))
		forget(e);
}

/* A program that gives rights is not counted for who counted the one before. */
void perf_exec(struct task *p)
{
	struct perf_event *e, *next;

	guard_mutex(&perf_lock);
	for (e = p->perf; e; e = next) {
		next = e->next;
		if (!READ_ONCE(p->mm->dumpable) || e->attr.remove_on_exec) {
			forget(e);
		} else if (e->attr.enable_on_exec) {
			e->attr.enable_on_exec = 0;
			set_enabled(e, true);
		}
	}
}
