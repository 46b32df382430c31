/*
 * Pids: from a number to its tasks.
 *
 * A number belongs to a struct pid. Tasks use the struct as their own id (a leader's id is also
 * that of its thread group), as the id of their process group or of their session. When the last
 * task leaves it, the number goes back to the bitmap. References may keep the struct longer; it
 * then leads to no task.
 *
 * pid_lock guards changes of the bitmap, the hash, and the way from a number to its task, but for
 * set_number(); tasklist_lock guards the lists of groups and sessions. A task leaves its number
 * before its last reference is dropped. So a task found under pid_lock can be given one more
 * reference, and is then used without the lock. See also kernel/pidmap.c.
 */
#include "kernel/pid.h"

#include "kernel/lib/fault_injection.h"
#include "kernel/lib/log.h"
#include "kernel/task.h"
#include "mm/page.h"
#include "mm/slab.h"

struct pidmap init_pidmap = {.pid_max = PID_MAX_DEFAULT};
static struct pid **pid_hash;
static u32 pid_hash_size; /* a power of two */
spinlock_t pid_lock = SPINLOCK_INIT(LOCK_PID);
static struct kmem_cache *pid_cache;
FAULT_SITE(fault_pidmap, "fork.pidmap");

/* A bucket for every 32 pages of memory, within limits: a task costs a third of that. */
void pid_init(void)
{
	unsigned int order = 0;
	struct page *p;

	pid_cache = kmem_cache_create("pid", sizeof(struct pid), 0);
	while (order < 6 && (PAGE_SIZE / sizeof(*pid_hash) << order) * 32 < nr_total_pages())
		order++;
	p = alloc_pages(order, ALLOC_ZERO);
	if (!p)
		panic("no memory for the table of pids\n");
	pid_hash = page_to_virt(p);
	pid_hash_size = (u32)(PAGE_SIZE / sizeof(*pid_hash) << order);
}

static struct pid **hash_bucket(pid_t nr)
{
	return &pid_hash[(u32)nr & (pid_hash_size - 1)];
}

/* Caller holds pid_lock, for both. */
static void hash_add(struct pid *pid)
{
	struct pid **bucket = hash_bucket(pid->nr);

	pid->next = *bucket;
	*bucket = pid;
}

static void hash_del(const struct pid *pid)
{
	struct pid **link = hash_bucket(pid->nr);

	while (*link != pid)
		link = &(*link)->next;
	*link = pid->next;
}

struct pid *alloc_pid(struct pidmap *map)
{
	struct pid *pid;
	int nr;

	if (should_fail(&fault_pidmap))
		return ERR_PTR(-EAGAIN);
	pid = kmem_cache_alloc(pid_cache);
	if (!pid)
		return ERR_PTR(-ENOMEM);
	refcount_set(&pid->count, 1);
	refcount_set(&pid->uses, 1);
	pid->task = NULL;
	pid->map = map;
	for (int i = 0; i < PIDTYPE_LISTS; i++)
		list_init(&pid->tasks[i]);

	spin_lock(&pid_lock);
	pid->nr = nr = pidmap_alloc(map);
	if (nr >= 0)
		hash_add(pid);
	spin_unlock(&pid_lock);
	if (nr >= 0)
		return pid;
	kmem_cache_free(pid_cache, pid);
	return ERR_PTR(nr);
}

/* The caller holds pid_lock. */
static void free_number(struct pid *pid)
{
	hash_del(pid);
	pidmap_free(pid->map, pid->nr);
}

void free_pid(struct pid *pid)
{
	spin_lock(&pid_lock);
	free_number(pid);
	spin_unlock(&pid_lock);
	put_pid(pid);
}

int pid_max(void)
{
	return READ_ONCE(init_pidmap.pid_max);
}

/* Numbers of `max` and more that are in use stay in use. */
void pid_set_max(int max)
{
	guard_spin(&pid_lock);
	init_pidmap.pid_max = max;
}

int pid_last(void)
{
	return READ_ONCE(init_pidmap.last_pid);
}

int pid_set_last(int nr)
{
	guard_spin(&pid_lock);
	if (nr >= init_pidmap.pid_max)
		return -EINVAL;
	init_pidmap.last_pid = nr;
	return 0;
}

void put_pid(struct pid *pid)
{
	if (pid && refcount_dec_and_test(&pid->count))
		kmem_cache_free(pid_cache, pid);
}

/* Caller holds pid_lock. */
static struct pid *find_pid(pid_t nr)
{
	struct pid *pid = *hash_bucket(nr);

	while (pid && pid->nr != nr)
		pid = pid->next;
	return pid;
}

struct pid *find_get_pid(pid_t nr)
{
	guard_spin(&pid_lock);
	struct pid *pid = find_pid(nr);

	return pid ? get_pid(pid) : NULL;
}

void set_number(struct task *p, struct pid *pid)
{
	p->pids[PIDTYPE_PID] = pid;
	/* A search that finds p sees all of it. */
	__atomic_store_n(&pid->task, p, __ATOMIC_RELEASE);
}

void clear_number(struct task *p)
{
	struct pid *pid = p->pids[PIDTYPE_PID];
	bool last;

	spin_lock(&pid_lock);
	pid->task = NULL;
	last = refcount_dec_and_test(&pid->uses);
	if (last)
		free_number(pid);
	spin_unlock(&pid_lock);
	if (last)
		put_pid(pid);
}

void swap_numbers(struct task *a, struct task *b)
{
	struct pid *pid = a->pids[PIDTYPE_PID];
	pid_t nr = a->pid_nr;

	guard_spin(&pid_lock);
	a->pids[PIDTYPE_PID] = b->pids[PIDTYPE_PID];
	b->pids[PIDTYPE_PID] = pid;
	a->pids[PIDTYPE_PID]->task = a;
	b->pids[PIDTYPE_PID]->task = b;
	a->pid_nr = b->pid_nr;
	b->pid_nr = nr;
}

void attach_pid(struct task *p, enum pid_type type, struct pid *pid)
{
	p->pids[type] = pid;
	refcount_inc(&pid->uses);
	list_add_tail(&p->pid_links[type], &pid->tasks[type]);
	WRITE_ONCE(p->signal->group_nr[type], pid->nr);
}

void detach_pid(struct task *p, enum pid_type type)
{
	struct pid *pid = p->pids[type];

	p->pids[type] = NULL;
	list_del(&p->pid_links[type]);
	if (refcount_dec_and_test(&pid->uses))
		free_pid(pid);
}

void move_pid(struct task *from, enum pid_type type, struct task *to)
{
	to->pids[type] = from->pids[type];
	from->pids[type] = NULL;
	list_add(&to->pid_links[type], &from->pid_links[type]);
	list_del(&from->pid_links[type]);
}

struct task *first_in_group(struct pid *pid, enum pid_type type)
{
	if (!pid || list_empty(&pid->tasks[type]))
		return NULL;
	return container_of(pid->tasks[type].next, struct task, pid_links[type]);
}

struct task *find_task(pid_t nr)
{
	struct pid *pid = find_pid(nr);

	return pid ? pid->task : NULL;
}

static struct task *in_tree(const struct pid *pid)
{
	return pid && pid->task && guarded(pid->task, exit_state) != TASK_DEAD ? pid->task : NULL;
}

struct task *find_in_tree(pid_t nr)
{
	guard_spin(&pid_lock);
	return in_tree(find_pid(nr));
}

struct task *pid_in_tree(const struct pid *pid)
{
	guard_spin(&pid_lock);
	return in_tree(pid);
}

static struct task *get_if_any(struct task *p)
{
	if (p)
		get_task(p);
	return p;
}

struct task *find_get_task(pid_t nr)
{
	guard_spin(&pid_lock);
	return get_if_any(find_task(nr));
}

struct task *pid_get_task(struct pid *pid)
{
	guard_spin(&pid_lock);
	return get_if_any(pid->task);
}

bool next_process(pid_t *nr)
{
	int n = *nr;

	while ((n = pidmap_next(&init_pidmap, n)) >= 0) {
		guard_spin(&pid_lock);
		struct task *p = find_task(n);

		*nr = n++;
		if (p && thread_group_leader(p))
			return true;
	}
	return false;
}

#define VISITED_MAX 64 /* processes, in one hold of tasklist_lock */

void visit_processes(void (*visit)(struct task *leader, void *arg), void *arg)
{
	int n = 0;

	while (n >= 0) {
		guard_spin(&tasklist_lock);
		for (int i = 0; i < VISITED_MAX && (n = pidmap_next(&init_pidmap, n)) >= 0;
		     i++, n++) {
			struct task *p = find_in_tree(n);

			if (p && thread_group_leader(p))
				visit(p, arg);
		}
	}
}
