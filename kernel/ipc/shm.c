/*
 * System V shared memory: shmget(2), shmat(2), shmdt(2), shmctl(2).
 *
 * A segment is a memory object with a name. The areas that map it (mm/area.c) count its
 * attachments, so fork, exec and exit need no help. A removed segment goes with its last area.
 */
#include "kernel/fs/seq.h"
#include "kernel/ipc/ipc.h"
#include "kernel/lib/syscall.h"
#include "kernel/task.h"
#include "mm/mm.h"
#include "mm/slab.h"
#include <linux/shm.h>

#define ULONG_MAX (~0UL) /* for SHMMAX and SHMALL */
/* In the mode that IPC_STAT shows: shmctl(2). */
#define SHM_DEST   01000 /* removed; freed with its last attachment */
#define SHM_LOCKED 02000

struct segment {
	struct ipc_object ipc; /* must stay first */
	struct object_watch watch;
	struct vm_object *object; /* a reference */
	u64 size, nattch;
	pid_t cpid, lpid;
	long atime, dtime, ctime;
};

static struct ipc_table table = IPC_TABLE_INIT(table, SHMMNI);

/* ---- the life of a segment; the caller holds the table's lock ---- */

static void destroy(struct segment *s)
{
	ipc_remove(&table, &s->ipc);
	s->object->watch = NULL; /* no area shows it any more */
	object_put(s->object);
	kfree(s);
}

static void detach(struct segment *s)
{
	if (--s->nattch == 0 && (s->ipc.mode & SHM_DEST))
		destroy(s);
}

/* An area that maps the segment came (`more`) or went. */
static void areas_changed(struct object_watch *w, bool more)
{
	struct segment *s = container_of(w, struct segment, watch);

	guard_mutex(&table.lock);
	s->lpid = current->tgid_nr;
	*(more ? &s->atime : &s->dtime) = ipc_seconds();
	if (more)
		s->nattch++;
	else
		detach(s);
}

static long create(int key, u64 size, int flags)
{
	char name[24];
	struct segment *s;
	int err = -ENOMEM;

	if (size < SHMMIN || size > SHMMAX || (flags & SHM_HUGETLB))
		return -EINVAL;
	s = kzalloc(sizeof(*s));
	if (!s)
		return -ENOMEM;
	scnprintf(name, sizeof(name), "/SYSV%08x (deleted)", (u32)key);
	s->object = object_create(name, ALIGN_UP(size, PAGE_SIZE));
	if (s->object)
		err = ipc_add(&table, &s->ipc, key, flags);
	if (err) {
		object_put(s->object);
		kfree(s);
		return err;
	}
	s->watch.changed = areas_changed;
	s->object->watch = &s->watch;
	s->size = size;
	s->cpid = current->tgid_nr;
	s->ctime = ipc_seconds();
	return s->ipc.id;
}

static u64 size_of(const struct ipc_object *o)
{
	return ((const struct segment *)o)->size;
}

long sys_shmget(int key, size_t size, int flags)
{
	guard_mutex(&table.lock);
	return ipc_get(&table, key, size, flags, create, size_of);
}

/* Compute the address and the MM_* flags. 0 or -EINVAL. */
static long check_attach(u64 *addr, int flags, u32 *how)
{
	*how = 0;
	if (!*addr)
		return flags & SHM_REMAP ? -EINVAL : 0;
	if (*addr & ~PAGE_MASK) {
		if (!(flags & SHM_RND))
			return -EINVAL;
		*addr &= PAGE_MASK;
		if (!*addr && (flags & SHM_REMAP))
			return -EINVAL;
	}
	*how = flags & SHM_REMAP ? MM_FIXED : MM_FIXED_NOREPLACE;
	return 0;
}

/* Find the segment and count an attachment, which holds it. ERR_PTR. */
static struct segment *hold_segment(int id, int wanted)
{
	struct segment *s;

	guard_mutex(&table.lock);
	s = (struct segment *)ipc_open(&table, id, wanted);
	if (!IS_ERR(s))
		s->nattch++;
	return s;
}

long sys_shmat(int id, unsigned long addr, int flags)
{
	bool write = !(flags & SHM_RDONLY);
	struct area what = {.flags = AREA_SHARED | AREA_READ | (write ? AREA_WRITE : AREA_NOWRITE) |
				     (flags & SHM_EXEC ? AREA_EXEC : 0)};
	struct segment *s;
	u64 at = addr;
	u32 how;
	long ret = id < 0 ? -EINVAL : check_attach(&at, flags, &how);

	if (ret)
		return ret;
	s = hold_segment(id, 0444 | (write ? 0222 : 0) | (flags & SHM_EXEC ? 0111 : 0));
	if (IS_ERR(s))
		return PTR_ERR(s);
	what.obj = s->object;
	ret = mm_map_area(current->mm, &what, at, s->size, how);
	guard_mutex(&table.lock);
	detach(s);
	return ret == -EEXIST ? -EINVAL : ret;
}

/* The next area in [*at, end) that still stands where shmat() at `addr` put it: of `object`, or of
 * any segment if NULL. Returns its object with a reference, or NULL. */
static struct vm_object *next_piece(u64 addr, u64 *at, u64 end, const struct vm_object *object,
				    struct area *a)
{
	struct mm *mm = current->mm;
	struct vm_object *found = NULL;

	guard_mutex(&mm->lock);
	for (; !found && *at < end && mm_find_area_locked(mm, *at, a) && a->start < end;
	     *at = a->end)
		if (a->start >= addr && a->obj && a->obj->watch && (!object || a->obj == object) &&
		    (a->start - addr) >> PAGE_SHIFT == a->pgoff)
			found = a->obj;
	if (found)
		object_get(found);
	return found;
}

/* The first area tells which segment; all its areas still in place are unmapped. */
long sys_shmdt(unsigned long addr)
{
	struct vm_object *object = NULL, *piece;
	u64 at = addr, end = TASK_SIZE;
	long ret = -EINVAL;
	struct area a;

	if (addr & ~PAGE_MASK)
		return -EINVAL;
	while ((piece = next_piece(addr, &at, end, object, &a))) {
		ret = mm_unmap(current->mm, a.start, a.end - a.start);
		end = addr + piece->size;
		if (object)
			object_put(piece);
		object = piece; /* one reference is held to the end */
		if (ret)
			break;
	}
	object_put(object);
	return ret;
}

static void fill_stat(const struct ipc_object *o, void *ds)
{
	const struct segment *s = (const struct segment *)o;
	struct shmid64_ds *out = ds;

	*out = (struct shmid64_ds){.shm_segsz = s->size,
				   .shm_atime = s->atime,
				   .shm_dtime = s->dtime,
				   .shm_ctime = s->ctime,
				   .shm_cpid = s->cpid,
				   .shm_lpid = s->lpid,
				   .shm_nattch = s->nattch};
	ipc_stat(o, &out->shm_perm);
}

static long shm_stat(int id, int cmd, struct shmid64_ds __user *buf)
{
	struct shmid64_ds ds;
	long ret = ipc_fill_stat(&table, id, cmd, SHM_STAT_ANY, fill_stat, &ds);

	return ret >= 0 && copy_to_user(buf, &ds, sizeof(ds)) ? -EFAULT : ret;
}

/* SHM_LOCK: nothing is ever swapped out, so only the flag and its permission matter. */
static long lock_segment(struct segment *s, bool lock)
{
	const struct cred *me = current->cred;
	u64 limit = current->signal->rlim[RLIMIT_MEMLOCK].rlim_cur;

	if (!cred_is_root(me)) {
		if ((me->euid != s->ipc.uid && me->euid != s->ipc.cuid) || (lock && !limit))
			return -EPERM;
		if (lock && s->size > limit)
			return -ENOMEM;
	}
	s->ipc.mode = lock ? s->ipc.mode | SHM_LOCKED : s->ipc.mode & ~(u32)SHM_LOCKED;
	return 0;
}

static long change_segment(struct segment *s, int cmd, const struct shmid64_ds *ds)
{
	long err;

	if (cmd == SHM_LOCK || cmd == SHM_UNLOCK)
		return lock_segment(s, cmd == SHM_LOCK);
	err = ipc_may_change(&s->ipc);
	if (err)
		return err;
	if (cmd == IPC_RMID) {
		s->ipc.key = IPC_PRIVATE;
		s->ipc.mode |= SHM_DEST;
		if (s->nattch == 0)
			destroy(s);
		return 0;
	}
	ipc_set(&s->ipc, &ds->shm_perm);
	s->ctime = ipc_seconds();
	return 0;
}

static long shm_change(int id, int cmd, const struct shmid64_ds __user *buf)
{
	struct shmid64_ds ds;
	struct segment *s;

	if (cmd == IPC_SET && copy_from_user(&ds, buf, sizeof(ds)))
		return -EFAULT;
	guard_mutex(&table.lock);
	s = (struct segment *)ipc_find(&table, id);
	return IS_ERR(s) ? PTR_ERR(s) : change_segment(s, cmd, &ds);
}

static long shm_limits(struct shminfo64 __user *buf)
{
	struct shminfo64 info = {.shmmax = SHMMAX,
				 .shmmin = SHMMIN,
				 .shmmni = SHMMNI,
				 .shmseg = SHMSEG,
				 .shmall = SHMALL};
	long last;

	mutex_lock(&table.lock);
	last = ipc_last_slot(&table);
	mutex_unlock(&table.lock);
	return copy_to_user(buf, &info, sizeof(info)) ? -EFAULT : last;
}

static long shm_usage(struct shm_info __user *buf)
{
	struct shm_info info = {0};
	long last;

	mutex_lock(&table.lock);
	info.used_ids = (int)table.used;
	for (u32 i = 0; i < table.room; i++) {
		const struct segment *s = (struct segment *)table.slot[i];

		if (s) {
			info.shm_tot += DIV_ROUND_UP(s->size, PAGE_SIZE);
			info.shm_rss += s->object->nr_pages;
		}
	}
	last = ipc_last_slot(&table);
	mutex_unlock(&table.lock);
	return copy_to_user(buf, &info, sizeof(info)) ? -EFAULT : last;
}

long sys_shmctl(int id, int cmd, void __user *buf)
{
	if (id < 0 || cmd < 0)
		return -EINVAL;
	switch (cmd) {
	case IPC_STAT:
	case SHM_STAT:
	case SHM_STAT_ANY:
		return shm_stat(id, cmd, buf);
	case IPC_SET:
	case IPC_RMID:
	case SHM_LOCK:
	case SHM_UNLOCK:
		return shm_change(id, cmd, buf);
	case IPC_INFO:
		return shm_limits(buf);
	case SHM_INFO:
		return shm_usage(buf);
	default:
		return -EINVAL;
	}
}

int shm_show(struct seq *out, const struct proc_node *node __maybe_unused)
{
	seq_printf(out, "%10s %10s %5s %21s %5s %5s %6s %5s %5s %5s %5s %10s %10s %10s %21s %21s\n",
		   "key", "shmid", "perms", "size", "cpid", "lpid", "nattch", "uid", "gid", "cuid",
		   "cgid", "atime", "dtime", "ctime", "rss", "swap");
	guard_mutex(&table.lock);
	for (u32 i = 0; i < table.room; i++) {
		const struct segment *s = (struct segment *)table.slot[i];

		if (s)
			seq_printf(out,
				   "%10d %10d  %4o %21lu %5u %5u  %5lu %5u %5u %5u %5u %10lu %10lu "
				   "%10lu %21lu %21lu\n",
				   s->ipc.key, s->ipc.id, s->ipc.mode, s->size, s->cpid, s->lpid,
				   s->nattch, s->ipc.uid, s->ipc.gid, s->ipc.cuid, s->ipc.cgid,
				   s->atime, s->dtime, s->ctime, s->object->nr_pages * PAGE_SIZE,
				   0UL);
	}
	return 0;
}
