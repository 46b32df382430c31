/*
 * Pids: from a number to its tasks.
 *
 * A number belongs to a struct pid. Tasks use the struct as their own id (a leader's id is also
 * that of its thread group), as the id of their process group or of their session. When the last
 * task leaves it, the number goes back to the bitmap. References may keep the struct longer; it
 * then leads to no task.
 *
 * pid_lock(nr) guards the hash chain that `nr` is in, and the way from `nr` to its task; only
 * set_number() needs no lock. tasklist_lock guards the lists of groups and sessions. A task leaves
 * its number before its last reference is dropped. So a task found under the lock can be given one
 * more reference, and is then used without the lock. Which numbers are free is in kernel/pidmap.c.
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
static struct {
	spinlock_t lock;
} __aligned(
	64) pid_locks[64]; /* each for pid_hash_size / 64 chains, and in a cache line of its own */
static struct kmem_cache *pid_cache;
FAULT_SITE(fault_pidmap, "fork.pidmap");

/* A bucket for every 32 pages of memory, within limits: a task takes about a third of them. */
void pid_init(void)
{
	unsigned int order = 0;
	struct page *p;

	for (size_t i = 0; i < ARRAY_SIZE(pid_locks); i++)
		spin_lock_init(&pid_locks[i].lock, LOCK_PID);
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

spinlock_t *pid_lock(pid_t nr)
{
	return &pid_locks[(u32)nr % ARRAY_SIZE(pid_locks)].lock;
}

static void hash_add(struct pid *pid)
{
	struct pid **bucket = hash_bucket(pid->nr);

	guard_spin(pid_lock(pid->nr));
	pid->next = *bucket;
	*bucket = pid;
}

/* Caller holds pid_lock(). */
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

	pid->nr = nr = pidmap_alloc(map);
	if (nr < 0) {
		kmem_cache_free(pid_cache, pid);
		return ERR_PTR(nr);
	}
	hash_add(pid);
	return pid;
}

/* The struct is out of the hash already. */
static void free_number(struct pid *pid)
{
	pidmap_free(pid->map, pid->nr);
	put_pid(pid);
}

void free_pid(struct pid *pid)
{
	spin_lock(pid_lock(pid->nr));
	hash_del(pid);
	spin_unlock(pid_lock(pid->nr));
	free_number(pid);
}

void put_last_pid(struct pid *pid)
{
	kmem_cache_free(pid_cache, pid);
}

/* Caller holds pid_lock(nr). */
static struct pid *find_pid(pid_t nr)
{
	struct pid *pid = *hash_bucket(nr);

	while (pid && pid->nr != nr)
		pid = pid->next;
	return pid;
}

struct pid *find_get_pid(pid_t nr)
{
	guard_spin(pid_lock(nr));
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

	spin_lock(pid_lock(pid->nr));
	pid->task = NULL;
	last = refcount_dec_and_test(&pid->uses);
	if (last)
		hash_del(pid);
	spin_unlock(pid_lock(pid->nr));
	if (last)
		free_number(pid);
}

void swap_numbers(struct task *a, struct task *b)
{
	struct pid *pid_a = a->pids[PIDTYPE_PID], *pid_b = b->pids[PIDTYPE_PID];
	spinlock_t *lock_a = pid_lock(pid_a->nr), *lock_b = pid_lock(pid_b->nr);

	spin_lock_two(lock_a, lock_b);
	a->pids[PIDTYPE_PID] = pid_b;
	b->pids[PIDTYPE_PID] = pid_a;
	pid_b->task = a;
	pid_a->task = b;
	a->pid_nr = pid_b->nr;
	b->pid_nr = pid_a->nr;
	spin_unlock_two(lock_a, lock_b);
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
	guard_spin(pid_lock(nr));
	return in_tree(find_pid(nr));
}

struct task *pid_in_tree(const struct pid *pid)
{
	guard_spin(pid_lock(pid->nr));
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
	guard_spin(pid_lock(nr));
	return get_if_any(find_task(nr));
}

struct task *pid_get_task(struct pid *pid)
{
	guard_spin(pid_lock(pid->nr));
	return get_if_any(pid->task);
}

bool next_process(pid_t *nr)
{
	int n = *nr;

	while ((n = pidmap_next(&init_pidmap, n)) >= 0) {
		guard_spin(pid_lock(n));
		struct task *p = find_task(n);

		*nr = n++;
		if (p && thread_group_leader(p))
			return true;
	}
	return false;
}

struct task *next_leader(int *nr)
{
	for (int n = *nr; (n = pidmap_next(&init_pidmap, n)) >= 0; n++) {
		struct task *p = find_in_tree(n);

		*nr = n + 1;
		if (p && thread_group_leader(p))
			return p;
	}
	return NULL;
}

#define VISITED_MAX 64 /* numbers, in one hold of tasklist_lock */

void visit_processes(void (*visit)(struct task *leader, void *arg), void *arg)
{
	int n = 0;

	while (n >= 0) {
		guard_spin(&tasklist_lock);
		for (int i = 0; i < VISITED_MAX && (n = pidmap_next(&init_pidmap, n)) >= 0; i++) {
			struct task *p = find_in_tree(n++);

			if (p && thread_group_leader(p))
				visit(p, arg);
		}
	}
}
