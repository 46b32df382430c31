/* Ids, keys and permissions of System V IPC. */
#include "kernel/fs/vfs.h"
#include "kernel/ipc/ipc.h"
#include "kernel/time/timer.h"
#include "mm/slab.h"

#define FIRST_ROOM 16

static int grow(struct ipc_table *t)
{
	u32 room = t->room ? 2 * t->room : FIRST_ROOM;
	struct ipc_object **slot = kzalloc(room * sizeof(*slot));

	if (!slot)
		return -ENOMEM;
	if (t->slot)
		memcpy(slot, t->slot, t->room * sizeof(*slot));
	kfree(t->slot);
	t->slot = slot;
	t->room = room;
	return 0;
}

int ipc_add(struct ipc_table *t, struct ipc_object *o, int key, int flags)
{
	const struct cred *me = current->cred;
	u32 i = 0;

	if (t->used == t->limit)
		return -ENOSPC;
	if (t->used == t->room && grow(t))
		return -ENOMEM;
	while (t->slot[i])
		i++;
	/* A reused slot gets another id. */
	if (i < t->next)
		t->seq = (t->seq + 1) % (0x7fffffff / IPC_MAX);
	t->next = i + 1;
	t->slot[i] = o;
	t->used++;
	o->key = key;
	o->id = (int)(t->seq * IPC_MAX + i);
	o->uid = o->cuid = me->euid;
	o->gid = o->cgid = me->egid;
	o->mode = flags & 0777;
	return 0;
}

void ipc_remove(struct ipc_table *t, struct ipc_object *o)
{
	t->slot[o->id % IPC_MAX] = NULL;
	if (--t->used > 0)
		return;
	kfree(t->slot);
	t->slot = NULL;
	t->room = 0;
}

static struct ipc_object *in_slot(struct ipc_table *t, int i)
{
	u32 slot = (u32)i % IPC_MAX;

	if (i < 0 || slot >= t->room || !t->slot[slot])
		return ERR_PTR(-EINVAL);
	return t->slot[slot];
}

struct ipc_object *ipc_find(struct ipc_table *t, int id)
{
	struct ipc_object *o = in_slot(t, id);

	return IS_ERR(o) || o->id == id ? o : ERR_PTR(-EINVAL);
}

static struct ipc_object *find_key(struct ipc_table *t, int key)
{
	for (u32 i = 0; i < t->room; i++)
		if (t->slot[i] && t->slot[i]->key == key)
			return t->slot[i];
	return NULL;
}

long ipc_get(struct ipc_table *t, int key, u64 size, int flags,
	     long (*create)(int key, u64 size, int flags),
	     u64 (*size_of)(const struct ipc_object *o))
{
	struct ipc_object *o = key == IPC_PRIVATE ? NULL : find_key(t, key);
	int err;

	if (!o)
		return key == IPC_PRIVATE || (flags & IPC_CREAT) ? create(key, size, flags)
								 : -ENOENT;
	if ((flags & (IPC_CREAT | IPC_EXCL)) == (IPC_CREAT | IPC_EXCL))
		return -EEXIST;
	if (size > size_of(o))
		return -EINVAL;
	err = ipc_permission(o, flags);
	return err ? err : o->id;
}

/* `o`, or ERR_PTR(-EACCES). `o` may be an ERR_PTR itself. */
static struct ipc_object *if_permitted(struct ipc_object *o, int flags)
{
	int err = IS_ERR(o) ? 0 : ipc_permission(o, flags);

	return err ? ERR_PTR(err) : o;
}

struct ipc_object *ipc_open(struct ipc_table *t, int id, int flags)
{
	return if_permitted(ipc_find(t, id), flags);
}

long ipc_fill_stat(struct ipc_table *t, int id, int cmd, int any,
		   void (*fill)(const struct ipc_object *o, void *ds), void *ds)
{
	struct ipc_object *o;

	guard_mutex(&t->lock);
	o = if_permitted(cmd == IPC_STAT ? ipc_find(t, id) : in_slot(t, id), cmd == any ? 0 : 0444);
	if (IS_ERR(o))
		return PTR_ERR(o);
	fill(o, ds);
	return cmd == IPC_STAT ? 0 : o->id;
}

int ipc_last_slot(const struct ipc_table *t)
{
	for (u32 i = t->room; i-- > 0;)
		if (t->slot[i])
			return (int)i;
	return 0;
}

int ipc_permission(const struct ipc_object *o, int flags)
{
	const struct cred *me = current->cred;
	mode_t wanted = flags >> 6 | flags >> 3 | flags, granted = o->mode;

	if (me->euid == o->cuid || me->euid == o->uid)
		granted >>= 6;
	else if (in_group(o->cgid) || in_group(o->gid))
		granted >>= 3;
	return (wanted & ~granted & 7) && !cred_is_root(me) ? -EACCES : 0;
}

int ipc_may_change(const struct ipc_object *o)
{
	const struct cred *me = current->cred;

	return me->euid == o->cuid || me->euid == o->uid || cred_is_root(me) ? 0 : -EPERM;
}

void ipc_stat(const struct ipc_object *o, struct ipc64_perm *out)
{
	*out = (struct ipc64_perm){.key = o->key,
				   .uid = o->uid,
				   .gid = o->gid,
				   .cuid = o->cuid,
				   .cgid = o->cgid,
				   .mode = o->mode,
				   .seq = (u16)(o->id / IPC_MAX)};
}

void ipc_set(struct ipc_object *o, const struct ipc64_perm *to)
{
	o->uid = to->uid;
	o->gid = to->gid;
	o->mode = (o->mode & ~0777u) | (to->mode & 0777);
}

long ipc_seconds(void)
{
	return (long)(ktime_get_real() / NSEC_PER_SEC);
}
