/*
 * System V IPC: shared memory and semaphores, named by keys. sysvipc(7).
 *
 * One mutex (LOCK_IPC) guards each kind: its table, and all that is in it. User memory is not
 * touched under it.
 */
#pragma once

#include "kernel/lib/lock.h"
#include "kernel/lib/types.h"
#include "kernel/lib/uapi.h"
#include <linux/ipc.h>

#define IPC_MAX 32768 /* slots in a table: an id is a slot plus this times a sequence number */

/* What both kinds begin with. */
struct ipc_object {
	int key; /* IPC_PRIVATE: it has no name, or none any more */
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
	u32 next, seq; /* the slot behind the one given out last */
};

#define IPC_TABLE_INIT(name, most)                           \
	{                                                    \
		.lock = MUTEX_INIT((name).lock, LOCK_IPC),   \
		.limit = (most) < IPC_MAX ? (most) : IPC_MAX \
	}

/* All of these: the caller holds the table's lock. */

/* Give it an id, an owner (current) and what `flags` says. 0, -ENOSPC or -ENOMEM. */
int ipc_add(struct ipc_table *t, struct ipc_object *o, int key, int flags);
void ipc_remove(struct ipc_table *t, struct ipc_object *o);
/* ERR_PTR(-EINVAL): no such id, or none any more. As on Linux; -EIDRM is for those that wait. */
struct ipc_object *ipc_find(struct ipc_table *t, int id);
/* By a key that is not IPC_PRIVATE, or NULL. */
struct ipc_object *ipc_find_key(struct ipc_table *t, int key);
/* As the first argument of the *_STAT calls has it: in slot number i. An id does as well, also one
 * whose slot has been used again since. ERR_PTR(-EINVAL). */
struct ipc_object *ipc_at(struct ipc_table *t, int i);
int ipc_last_slot(const struct ipc_table *t); /* in use; 0 when there is none */

/* May current do what the permission bits of `flags` (those of any of the three classes) say?
 * 0 or -EACCES. */
int ipc_permission(const struct ipc_object *o, int flags);
int ipc_may_change(const struct ipc_object *o); /* IPC_SET, IPC_RMID: 0 or -EPERM */
void ipc_stat(const struct ipc_object *o, struct ipc64_perm *out);
void ipc_set(struct ipc_object *o, const struct ipc64_perm *to);
long ipc_seconds(void); /* the time of day, as the *_ctime fields have it */
