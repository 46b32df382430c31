/*
 * System V semaphores: semget(2), semop(2), semtimedop(2), semctl(2).
 *
 * The operations of one call happen together or not at all. A call that cannot go on waits in the
 * set, in order of arrival. After each change of a value, the changing task tries the waiting calls
 * in that order and does their operations for them.
 */
#include "kernel/ipc/sem.h"

#include "kernel/fs/seq.h"
#include "kernel/lib/syscall.h"
#include "kernel/task.h"
#include "kernel/time/timer.h"
#include "kernel/time/timespec.h"
#include "mm/slab.h"

struct ipc_table sem_table = IPC_TABLE_INIT(sem_table, SEMMNI);
static u64 used_sems; /* in all sets */

/* One call of semop(2): its operations, and its place in the queue while it waits. */
struct sem_wait {
	struct list_head link;
	struct wait_queue queue;
	struct sembuf *ops;
	size_t nr;
	struct sem_undo *undo; /* NULL: no SEM_UNDO */
	pid_t pid;
	const struct sembuf *blocked; /* the operation that cannot be done */
	int status;                   /* WAITING, then the call's result */
};

#define WAITING 1

static struct sem_set *find_set(int id)
{
	return (struct sem_set *)ipc_find(&sem_table, id);
}

/* ---- semget; the caller holds the table's lock ---- */

static long create(int key, u64 nr, int flags)
{
	struct sem_set *set;
	int err;

	if (nr == 0)
		return -EINVAL;
	if (used_sems + nr > SEMMNS)
		return -ENOSPC;
	set = kzalloc(sizeof(*set) + nr * sizeof(set->sem[0]));
	if (!set)
		return -ENOMEM;
	err = ipc_add(&sem_table, &set->ipc, key, flags);
	if (err) {
		kfree(set);
		return err;
	}
	list_init(&set->waiting);
	list_init(&set->undos);
	set->nr = (u32)nr;
	set->ctime = ipc_seconds();
	used_sems += nr;
	return set->ipc.id;
}

static u64 size_of(const struct ipc_object *o)
{
	return ((const struct sem_set *)o)->nr;
}

long sys_semget(int key, int nsems, int flags)
{
	if (nsems < 0 || nsems > SEMMSL)
		return -EINVAL;
	guard_mutex(&sem_table.lock);
	return ipc_get(&sem_table, key, (u64)nsems, flags, create, size_of);
}

/* ---- operations; the caller holds the table's lock ---- */

static void undo_first(struct sem_set *set, const struct sem_wait *w, size_t n)
{
	while (n-- > 0) {
		const struct sembuf *op = &w->ops[n];

		set->sem[op->sem_num].value -= op->sem_op;
		if (op->sem_flg & SEM_UNDO)
			w->undo->adjust[op->sem_num] += op->sem_op;
	}
}

/* One operation. 0, WAITING, or -ERANGE. */
static int do_op(struct sem_set *set, const struct sem_wait *w, const struct sembuf *op)
{
	struct semaphore *s = &set->sem[op->sem_num];
	int value = s->value + op->sem_op, undo;

	if (op->sem_op == 0)
		return s->value ? WAITING : 0;
	if (value < 0)
		return WAITING;
	if (value > SEMVMX)
		return -ERANGE;
	if (op->sem_flg & SEM_UNDO) {
		undo = w->undo->adjust[op->sem_num] - op->sem_op;
		if (undo < -SEMAEM - 1 || undo > SEMAEM)
			return -ERANGE;
		w->undo->adjust[op->sem_num] = (s16)undo;
	}
	s->value = value;
	return 0;
}

/* Do all operations or none: 0, WAITING, -EAGAIN (IPC_NOWAIT) or -ERANGE. */
static int do_ops(struct sem_set *set, struct sem_wait *w)
{
	for (size_t i = 0; i < w->nr; i++) {
		int err = do_op(set, w, &w->ops[i]);

		if (!err)
			continue;
		undo_first(set, w, i);
		w->blocked = &w->ops[i];
		return err == WAITING && (w->ops[i].sem_flg & IPC_NOWAIT) ? -EAGAIN : err;
	}
	for (size_t i = 0; i < w->nr; i++)
		set->sem[w->ops[i].sem_num].pid = w->pid;
	set->otime = ipc_seconds();
	return 0;
}

static bool changes_values(const struct sem_wait *w)
{
	for (size_t i = 0; i < w->nr; i++)
		if (w->ops[i].sem_op)
			return true;
	return false;
}

static void finish(struct sem_wait *w, int status)
{
	list_del_init(&w->link);
	WRITE_ONCE(w->status, status);
	wake_up(&w->queue);
}

void sem_wake(struct sem_set *set)
{
	struct sem_wait *w, *n;
	bool again;

	do {
		again = false;
		list_for_each_entry_safe (w, n, &set->waiting, link) {
			int status = do_ops(set, w);

			if (status == WAITING)
				continue;
			again = status == 0 && changes_values(w);
			finish(w, status);
			if (again)
				break; /* earlier calls may go on now */
		}
	} while (again);
}

/* Wait until the operations are done. Drops the lock; the set may be gone afterwards. */
static int wait_for_ops(struct sem_set *set, struct sem_wait *w, u64 until)
{
	int ret = -EINTR;

	w->status = WAITING;
	list_add_tail(&w->link, &set->waiting);
	mutex_unlock(&sem_table.lock);
	for (;;) {
		struct waiter me;

		waiter_init(&me);
		prepare_to_wait(&w->queue, &me, TASK_INTERRUPTIBLE);
		if (READ_ONCE(w->status) == WAITING && !signal_pending(current))
			schedule_until(until);
		finish_wait(&w->queue, &me);
		if (READ_ONCE(w->status) != WAITING || signal_pending(current))
			break;
		if (ktime_get() >= until) {
			ret = -EAGAIN;
			break;
		}
	}
	/* finish() is called under the lock. */
	mutex_lock(&sem_table.lock);
	if (w->status != WAITING)
		return w->status;
	list_del(&w->link);
	return ret;
}

/* Check the operations against the set. 0 or -errno. */
static long check_ops(struct sem_set *set, struct sem_wait *w)
{
	bool undo = false;
	long err;

	for (size_t i = 0; i < w->nr; i++) {
		if (w->ops[i].sem_num >= set->nr)
			return -EFBIG;
		undo |= (w->ops[i].sem_flg & SEM_UNDO) != 0;
	}
	err = ipc_permission(&set->ipc, changes_values(w) ? 0222 : 0444);
	if (err || !undo)
		return err;
	w->undo = sem_undo_of(set);
	return IS_ERR(w->undo) ? PTR_ERR(w->undo) : 0;
}

static long operate(int id, struct sem_wait *w, u64 until)
{
	struct sem_set *set;
	long ret;

	guard_mutex(&sem_table.lock);
	set = find_set(id);
	ret = IS_ERR(set) ? PTR_ERR(set) : check_ops(set, w);
	if (!ret) {
		ret = do_ops(set, w);
		if (!ret && changes_values(w))
			sem_wake(set);
		else if (ret == WAITING)
			ret = wait_for_ops(set, w, until);
	}
	return ret;
}

long sys_semtimedop(int id, const struct sembuf __user *uops, size_t nops,
		    const struct timespec __user *timeout)
{
	struct sem_wait w = {.nr = nops, .pid = current->tgid_nr};
	struct sembuf *ops scoped(kfree) = NULL;
	u64 until = TIME_FOREVER;
	long ret;

	if (nops < 1 || id < 0)
		return -EINVAL;
	if (nops > SEMOPM)
		return -E2BIG;
	wait_queue_init(&w.queue);
	w.ops = ops = kmalloc(nops * sizeof(*ops));
	if (!ops)
		return -ENOMEM;
	if (copy_from_user(ops, uops, nops * sizeof(*ops)))
		return -EFAULT;
	if (timeout) {
		ret = get_timespec(&until, timeout);
		if (ret)
			return ret;
		until = time_add(ktime_get(), until);
	}
	return operate(id, &w, until);
}

static void remove_set(struct sem_set *set)
{
	struct sem_wait *w, *n;

	sem_undo_forget_set(set);
	list_for_each_entry_safe (w, n, &set->waiting, link)
		finish(w, -EIDRM);
	used_sems -= set->nr;
	ipc_remove(&sem_table, &set->ipc);
	kfree(set);
}

static void fill_stat(const struct ipc_object *o, void *ds)
{
	const struct sem_set *set = (const struct sem_set *)o;
	struct semid64_ds *out = ds;

	*out = (struct semid64_ds){
		.sem_otime = set->otime, .sem_ctime = set->ctime, .sem_nsems = set->nr};
	ipc_stat(o, &out->sem_perm);
}

static long sem_stat(int id, int cmd, struct semid64_ds __user *buf)
{
	struct semid64_ds ds;
	long ret = ipc_fill_stat(&sem_table, id, cmd, SEM_STAT_ANY, fill_stat, &ds);

	return ret >= 0 && copy_to_user(buf, &ds, sizeof(ds)) ? -EFAULT : ret;
}

static long sem_change(int id, int cmd, const struct semid64_ds __user *buf)
{
	struct semid64_ds ds;
	struct sem_set *set;
	long ret;

	if (cmd == IPC_SET && copy_from_user(&ds, buf, sizeof(ds)))
		return -EFAULT;
	guard_mutex(&sem_table.lock);
	set = find_set(id);
	ret = IS_ERR(set) ? PTR_ERR(set) : ipc_may_change(&set->ipc);
	if (!ret && cmd == IPC_RMID) {
		remove_set(set);
	} else if (!ret) {
		ipc_set(&set->ipc, &ds.sem_perm);
		set->ctime = ipc_seconds();
	}
	return ret;
}

/* IPC_INFO: the limits. SEM_INFO: two counts of what is in use in place of two limits. */
static long sem_info(int cmd, struct seminfo __user *buf)
{
	struct seminfo info = {.semmap = SEMMAP,
			       .semmni = SEMMNI,
			       .semmns = SEMMNS,
			       .semmnu = SEMMNU,
			       .semmsl = SEMMSL,
			       .semopm = SEMOPM,
			       .semume = SEMUME,
			       .semusz = SEMUSZ,
			       .semvmx = SEMVMX,
			       .semaem = SEMAEM};
	long last;

	mutex_lock(&sem_table.lock);
	if (cmd == SEM_INFO) {
		info.semusz = (int)sem_table.used;
		info.semaem = (int)used_sems;
	}
	last = ipc_last_slot(&sem_table);
	mutex_unlock(&sem_table.lock);
	return copy_to_user(buf, &info, sizeof(info)) ? -EFAULT : last;
}

/* Count the calls that wait for this semaphore to rise, or to become zero. */
static long count_waiting(const struct sem_set *set, u32 num, bool for_zero)
{
	const struct sem_wait *w;
	long n = 0;

	list_for_each_entry (w, &set->waiting, link)
		n += w->blocked->sem_num == num && (w->blocked->sem_op == 0) == for_zero;
	return n;
}

static long set_value(struct sem_set *set, u32 num, int value)
{
	sem_undo_clear(set, num, num);
	set->sem[num] = (struct semaphore){value, current->tgid_nr};
	set->ctime = ipc_seconds();
	sem_wake(set);
	return 0;
}

static long sem_one(int id, int num, int cmd, int value)
{
	struct sem_set *set;
	bool beyond;
	int err;

	if (cmd == SETVAL && (value < 0 || value > SEMVMX))
		return -ERANGE;
	guard_mutex(&sem_table.lock);
	set = find_set(id);
	if (IS_ERR(set))
		return PTR_ERR(set);
	beyond = num < 0 || (u32)num >= set->nr;
	err = beyond && cmd == SETVAL ? -EINVAL
				      : ipc_permission(&set->ipc, cmd == SETVAL ? 0222 : 0444);
	if (err || beyond)
		return err ? err : -EINVAL;
	switch (cmd) {
	case SETVAL:
		return set_value(set, (u32)num, value);
	case GETVAL:
		return set->sem[num].value;
	case GETPID:
		return set->sem[num].pid;
	default:
		return count_waiting(set, (u32)num, cmd == GETZCNT);
	}
}

/* The number of semaphores in the set, if current may use it so. */
static long size_of_set(int id, int flags)
{
	struct sem_set *set;

	guard_mutex(&sem_table.lock);
	set = (struct sem_set *)ipc_open(&sem_table, id, flags);
	return IS_ERR(set) ? PTR_ERR(set) : set->nr;
}

/* Copy all values. -EIDRM if the set is gone, or another set has its id and another size. */
static long copy_values(int id, u16 *values, u32 nr, bool set_them)
{
	struct sem_set *set;

	guard_mutex(&sem_table.lock);
	set = find_set(id);
	if (IS_ERR(set) || set->nr != nr)
		return -EIDRM;
	for (u32 i = 0; i < nr; i++) {
		if (set_them)
			set->sem[i] = (struct semaphore){values[i], current->tgid_nr};
		else
			values[i] = (u16)set->sem[i].value;
	}
	if (set_them) {
		sem_undo_clear(set, 0, nr - 1);
		set->ctime = ipc_seconds();
		sem_wake(set);
	}
	return 0;
}

static long sem_all(int id, int cmd, u16 __user *array)
{
	long nr = size_of_set(id, cmd == SETALL ? 0222 : 0444), ret;

	if (nr < 0)
		return nr;
	u16 *values scoped(kfree) = kmalloc((size_t)nr * sizeof(*values));
	if (!values)
		return -ENOMEM;
	if (cmd == SETALL && copy_from_user(values, array, (size_t)nr * sizeof(*values)))
		return -EFAULT;
	for (long i = 0; cmd == SETALL && i < nr; i++)
		if (values[i] > SEMVMX)
			return -ERANGE;
	ret = copy_values(id, values, (u32)nr, cmd == SETALL);
	if (!ret && cmd == GETALL && copy_to_user(array, values, (size_t)nr * sizeof(*values)))
		return -EFAULT;
	return ret;
}

long sys_semctl(int id, int num, int cmd, unsigned long arg)
{
	if (id < 0)
		return -EINVAL;
	switch (cmd) {
	case IPC_STAT:
	case SEM_STAT:
	case SEM_STAT_ANY:
		return sem_stat(id, cmd, (struct semid64_ds __user *)arg);
	case IPC_SET:
	case IPC_RMID:
		return sem_change(id, cmd, (const struct semid64_ds __user *)arg);
	case IPC_INFO:
	case SEM_INFO:
		return sem_info(cmd, (struct seminfo __user *)arg);
	case GETVAL:
	case SETVAL:
	case GETPID:
	case GETNCNT:
	case GETZCNT:
		return sem_one(id, num, cmd, (int)arg);
	case GETALL:
	case SETALL:
		return sem_all(id, cmd, (u16 __user *)arg);
	default:
		return -EINVAL;
	}
}

int sem_show(struct seq *out, const struct proc_node *node __maybe_unused)
{
	seq_printf(out, "%10s %10s %5s %10s %5s %5s %5s %5s %10s %10s\n", "key", "semid", "perms",
		   "nsems", "uid", "gid", "cuid", "cgid", "otime", "ctime");
	guard_mutex(&sem_table.lock);
	for (u32 i = 0; i < sem_table.room; i++) {
		const struct sem_set *set = (struct sem_set *)sem_table.slot[i];

		if (set)
			seq_printf(out, "%10d %10d  %4o %10u %5u %5u %5u %5u %10lu %10lu\n",
				   set->ipc.key, set->ipc.id, set->ipc.mode, set->nr, set->ipc.uid,
				   set->ipc.gid, set->ipc.cuid, set->ipc.cgid, set->otime,
				   set->ctime);
	}
	return 0;
}
