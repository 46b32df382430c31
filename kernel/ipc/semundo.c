/* SEM_UNDO: the end of a process undoes its semaphore operations. CLONE_SYSVSEM shares the list;
 * the last task that leaves it undoes them. semop(2) */
#include "kernel/ipc/sem.h"
#include "kernel/resources.h"
#include "kernel/task.h"
#include "mm/slab.h"

struct sem_undo_list {
	refcount_t count;      /* tasks */
	struct list_head undo; /* struct sem_undo */
};

/* Current's list, created at the first use. NULL without memory. */
static struct sem_undo_list *own_list(void)
{
	struct sem_undo_list *l = current->sem_undo;

	if (l)
		return l;
	l = kmalloc(sizeof(*l));
	if (!l)
		return NULL;
	refcount_set(&l->count, 1);
	list_init(&l->undo);
	current->sem_undo = l;
	return l;
}

int copy_semundo(u64 flags, struct task *p)
{
	struct sem_undo_list *l;

	if (!(flags & CLONE_SYSVSEM))
		return 0;
	/* An empty list too: both tasks share it from now on. */
	l = own_list();
	if (!l)
		return -ENOMEM;
	refcount_inc(&l->count);
	p->sem_undo = l;
	return 0;
}

struct sem_undo *sem_undo_of(struct sem_set *set)
{
	struct sem_undo_list *l = own_list();
	struct sem_undo *u;

	if (!l)
		return ERR_PTR(-ENOMEM);
	list_for_each_entry (u, &l->undo, of_process)
		if (u->set == set)
			return u;
	u = kzalloc(sizeof(*u) + set->nr * sizeof(u->adjust[0]));
	if (!u)
		return ERR_PTR(-ENOMEM);
	u->set = set;
	list_add_tail(&u->of_set, &set->undos);
	list_add_tail(&u->of_process, &l->undo);
	return u;
}

static void free_undo(struct sem_undo *u)
{
	list_del(&u->of_set);
	list_del(&u->of_process);
	kfree(u);
}

void sem_undo_forget_set(struct sem_set *set)
{
	struct sem_undo *u, *n;

	list_for_each_entry_safe (u, n, &set->undos, of_set)
		free_undo(u);
}

void sem_undo_clear(struct sem_set *set, u32 first, u32 last)
{
	struct sem_undo *u;

	list_for_each_entry (u, &set->undos, of_set)
		for (u32 i = first; i <= last; i++)
			u->adjust[i] = 0;
}

/* As on Linux, a value that would leave its range stays at the limit: an exit cannot wait. */
static void apply(struct sem_undo *u)
{
	struct sem_set *set = u->set;

	for (u32 i = 0; i < set->nr; i++) {
		struct semaphore *s = &set->sem[i];

		if (!u->adjust[i])
			continue;
		s->value = MAX(0, MIN(s->value + u->adjust[i], SEMVMX));
		s->pid = current->tgid_nr;
	}
	set->otime = ipc_seconds();
	sem_wake(set);
}

static noinline void undo_all(struct sem_undo_list *l)
{
	struct sem_undo *u, *n;

	mutex_lock(&sem_table.lock);
	list_for_each_entry_safe (u, n, &l->undo, of_process) {
		apply(u);
		free_undo(u);
	}
	mutex_unlock(&sem_table.lock);
	kfree(l);
}

/* Inlined where a task exits. */
inline void exit_sem(struct task *p)
{
	struct sem_undo_list *l = p->sem_undo;

	p->sem_undo = NULL;
	if (l && refcount_dec_and_test(&l->count))
		undo_all(l);
}
