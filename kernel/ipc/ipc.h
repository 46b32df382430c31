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
/* semget(2), shmget(2): the id of what has this key and is at least of this size, made by `create`
 * if it is asked for and not there. Or -errno. */
long ipc_get(struct ipc_table *t, int key, u64 size, int flags,
	     long (*create)(int key, u64 size, int flags),
	     u64 (*size_of)(const struct ipc_object *o));
/* As ipc_find(), if current may do what `flags` say; else ERR_PTR(-EACCES). */
struct ipc_object *ipc_open(struct ipc_table *t, int id, int flags);
/* For IPC_STAT, an id, and the *_STAT calls, of which `any` asks for no permission: a slot. An id
 * does as well there, also one whose slot has been used again since. */
struct ipc_object *ipc_open_to_stat(struct ipc_table *t, int id, int cmd, int any);
int ipc_last_slot(const struct ipc_table *t); /* in use; 0 when there is none */

/* May current do what the permission bits of `flags` (those of any of the three classes) say?
 * 0 or -EACCES. */
int ipc_permission(const struct ipc_object *o, int flags);
int ipc_may_change(const struct ipc_object *o); /* IPC_SET, IPC_RMID: 0 or -EPERM */
void ipc_stat(const struct ipc_object *o, struct ipc64_perm *out);
void ipc_set(struct ipc_object *o, const struct ipc64_perm *to);
long ipc_seconds(void); /* the time of day, as the *_ctime fields have it */
