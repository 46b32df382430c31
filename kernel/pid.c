/*
 * Pids: from a number to its tasks.
 *
 * A number belongs to a struct pid, and that to the tasks which use it: as their own id (a leader's
 * is its thread group's, too), as the id of their process group or of their session. The number
 * goes back to the bitmap when the last of them lets go; the struct stays for whoever still holds a
 * reference, and names nobody.
 *
 * pid_lock guards the bitmap, the hash, and the way from a number to its task; tasklist_lock guards
 * the lists of groups and sessions. A task that has a number is alive: its last reference is
 * dropped after it has left the number. So one more may be taken under pid_lock, and the task is
 * used without it. See also kernel/pidmap.c.
 */
#include "kernel/pid.h"

#include "kernel/lib/fault_injection.h"
#include "kernel/lib/log.h"
#include "kernel/lib/tunable.h"
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
	__atomic_store_n(bucket, pid, __ATOMIC_RELEASE); /* somebody may be looking */
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
	nr = pidmap_alloc(map);
	if (nr >= 0) {
		pid->nr = nr;
		hash_add(pid);
	}
	spin_unlock(&pid_lock);
	if (nr < 0) {
		kmem_cache_free(pid_cache, pid);
		return ERR_PTR(nr);
	}
	return pid;
}

/* Caller holds pid_lock. */
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

/* Numbers above it that are in use stay so. */
void pid_set_max(int max)
{
	spin_lock(&pid_lock);
	init_pidmap.pid_max = max;
	spin_unlock(&pid_lock);
}

int pid_last(void)
{
	return READ_ONCE(init_pidmap.last_pid);
}

int pid_set_last(int nr)
{
	int err = 0;

	spin_lock(&pid_lock);
	if (nr < init_pidmap.pid_max)
		init_pidmap.last_pid = nr;
	else
		err = -EINVAL;
	spin_unlock(&pid_lock);
	return err;
}

void put_pid(struct pid *pid)
{
	if (pid && refcount_dec_and_test(&pid->count))
		kmem_cache_free(pid_cache, pid);
}

/* Caller holds pid_lock. */
static struct pid *find_pid(pid_t nr)
{
	struct pid *pid = __atomic_load_n(hash_bucket(nr), __ATOMIC_ACQUIRE);

	while (pid && pid->nr != nr)
		pid = pid->next;
	return pid;
}

struct pid *find_get_pid(pid_t nr)
{
	struct pid *pid;

	spin_lock(&pid_lock);
	pid = find_pid(nr);
	if (pid)
		get_pid(pid);
	spin_unlock(&pid_lock);
	return pid;
}

void set_number(struct task *p, struct pid *pid)
{
	p->pids[PIDTYPE_PID] = pid;
	__atomic_store_n(&pid->task, p, __ATOMIC_RELEASE); /* who finds p sees all of it */
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

	spin_lock(&pid_lock);
	a->pids[PIDTYPE_PID] = b->pids[PIDTYPE_PID];
	b->pids[PIDTYPE_PID] = pid;
	a->pids[PIDTYPE_PID]->task = a;
	b->pids[PIDTYPE_PID]->task = b;
	a->pid_nr = b->pid_nr;
	b->pid_nr = nr;
	spin_unlock(&pid_lock);
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
	struct task *p;

	spin_lock(&pid_lock);
	p = in_tree(find_pid(nr));
	spin_unlock(&pid_lock);
	return p;
}

struct task *pid_in_tree(const struct pid *pid)
{
	struct task *p;

	spin_lock(&pid_lock);
	p = in_tree(pid);
	spin_unlock(&pid_lock);
	return p;
}

struct task *find_get_task(pid_t nr)
{
	struct task *p;

	spin_lock(&pid_lock);
	p = find_task(nr);
	if (p)
		get_task(p);
	spin_unlock(&pid_lock);
	return p;
}

struct task *pid_get_task(struct pid *pid)
{
	struct task *p;

	spin_lock(&pid_lock);
	p = pid->task;
	if (p)
		get_task(p);
	spin_unlock(&pid_lock);
	return p;
}

bool next_process(pid_t *nr)
{
	bool found = false;
	struct task *p;
	int n = *nr;

	while (!found && (n = pidmap_next(&init_pidmap, n)) >= 0) {
		spin_lock(&pid_lock);
		p = find_task(n);
		found = p && thread_group_leader(p);
		spin_unlock(&pid_lock);
		*nr = n++;
	}
	return found;
}

#define VISITED_MAX 64 /* processes, in one hold of tasklist_lock */

void visit_processes(void (*visit)(struct task *leader, void *arg), void *arg)
{
	int n = 0;

	while (n >= 0) {
		spin_lock(&tasklist_lock);
		for (int i = 0; i < VISITED_MAX; i++, n++) {
			struct task *p;

			n = pidmap_next(&init_pidmap, n);
			if (n < 0)
				break;
			p = find_in_tree(n);
			if (p && thread_group_leader(p))
				visit(p, arg);
		}
		spin_unlock(&tasklist_lock);
	}
}
