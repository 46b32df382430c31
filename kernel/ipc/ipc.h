/* System V IPC: shared memory and semaphores, named by keys. sysvipc(7). One mutex (LOCK_IPC)
 * guards each kind: its table and all objects in it. User memory is not touched under the mutex. */
#pragma once

#include "kernel/lib/lock.h"
#include "kernel/lib/types.h"
#include "kernel/lib/uapi.h"
#include <linux/ipc.h>

#define IPC_MAX 32768 /* slots in a table: an id is a slot plus this times a sequence number */

/* The start of both kinds. */
struct ipc_object {
	int key; /* IPC_PRIVATE: no name, or none any more */
	int id;
	uid_t uid, cuid;
	gid_t gid, cgid;
	mode_t mode;
};

struct ipc_table {
	struct mutex lock;
	struct ipc_object **slot;
	u32 room, used;
	u32 limit;     /* of `used` */
	u32 next, seq; /* next: behind the slot used last */
};

#define IPC_TABLE_INIT(name, most)                           \
	{                                                    \
		.lock = MUTEX_INIT((name).lock, LOCK_IPC),   \
		.limit = (most) < IPC_MAX ? (most) : IPC_MAX \
	}

/* The caller of these functions holds the table's lock. */

/* Insert with a new id, current as owner, and the mode in `flags`. 0, -ENOSPC or -ENOMEM. */
int ipc_add(struct ipc_table *t, struct ipc_object *o, int key, int flags);
void ipc_remove(struct ipc_table *t, struct ipc_object *o);
/* ERR_PTR(-EINVAL): no such id. As on Linux; only tasks that wait get -EIDRM. */
struct ipc_object *ipc_find(struct ipc_table *t, int id);
/* Returns the id of the object with this key, which must have at least this size. With IPC_CREAT,
 * or IPC_PRIVATE, create() makes a missing one. semget(2), shmget(2) */
long ipc_get(struct ipc_table *t, int key, u64 size, int flags,
	     long (*create)(int key, u64 size, int flags),
	     u64 (*size_of)(const struct ipc_object *o));
/* As ipc_find(), or ERR_PTR(-EACCES) if current lacks the permissions in `flags`. */
struct ipc_object *ipc_open(struct ipc_table *t, int id, int flags);
int ipc_last_slot(const struct ipc_table *t); /* in use; 0 when there is none */
/* Check the permission bits in `flags`, of any of the three classes. 0 or -EACCES. */
int ipc_permission(const struct ipc_object *o, int flags);
int ipc_may_change(const struct ipc_object *o); /* IPC_SET, IPC_RMID: 0 or -EPERM */
void ipc_stat(const struct ipc_object *o, struct ipc64_perm *out);
void ipc_set(struct ipc_object *o, const struct ipc64_perm *to);
/* Takes the lock. Calls fill() for IPC_STAT of an id, and for *_STAT of a slot, given as its number
 * or as any id that it has had. `any` is the *_STAT_ANY command, which needs no permission.
 * Returns 0 for IPC_STAT, else the id; or -errno. */
long ipc_fill_stat(struct ipc_table *t, int id, int cmd, int any,
		   void (*fill)(const struct ipc_object *o, void *ds), void *ds);
long ipc_seconds(void); /* time of day, for the *_ctime fields */

/* /proc/sysvipc */
struct seq;
struct proc_node;
int shm_show(struct seq *out, const struct proc_node *node);
int sem_show(struct seq *out, const struct proc_node *node);
