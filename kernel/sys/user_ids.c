/* User and group ids: credentials(7), setuid(2) and its family, setgroups(2). */
#include "kernel/cred.h"
#include "kernel/lib/syscall.h"
#include "kernel/task.h"

#define KEEP ((u32)-1) /* -1: leave this id as it is */

/* getuid(2) and its family. */
#define GET_ID(id)                        \
	long sys_get##id(void)            \
	{                                 \
		return current->cred->id; \
	}
GET_ID(uid)
GET_ID(euid)
GET_ID(gid)
GET_ID(egid)

/* The ids of one kind, by their roles. */
struct ids {
	u32 real, effective, saved, fs;
};

enum kind {
	USER,
	GROUP
};

static struct ids ids_of(const struct cred *c, enum kind kind)
{
	return kind == USER ? (struct ids){c->uid, c->euid, c->suid, c->fsuid}
			    : (struct ids){c->gid, c->egid, c->sgid, c->fsgid};
}

static long set_uids(struct cred *c, const struct ids *ids)
{
	if (ids->real != c->uid && cred_set_uid(c, ids->real))
		return -ENOMEM;
	c->euid = ids->effective;
	c->suid = ids->saved;
	c->fsuid = ids->fs;
	return 0;
}

static long set_gids(struct cred *c, const struct ids *ids)
{
	c->gid = ids->real;
	c->egid = ids->effective;
	c->sgid = ids->saved;
	c->fsgid = ids->fs;
	return 0;
}

/* Give current these ids. 0 or -ENOMEM. */
static long set_ids(enum kind kind, const struct ids *ids)
{
	struct cred *c = prepare_creds();

	if (!c)
		return -ENOMEM;
	if ((kind == USER ? set_uids : set_gids)(c, ids)) {
		put_cred(c);
		return -ENOMEM;
	}
	commit_creds(c);
	return 0;
}

/* ---- the rules, alike for users and groups. 0, -EPERM or -EINVAL with *ids unchanged ---- */

/* setuid(2): root sets all ids for good; others make their real or saved one the effective one. */
static long change_one(struct ids *ids, const u32 *to, bool root)
{
	u32 id = *to;

	if (id == KEEP)
		return -EINVAL;
	if (!root && id != ids->real && id != ids->saved)
		return -EPERM;
	if (root)
		ids->real = ids->saved = id;
	ids->effective = ids->fs = id;
	return 0;
}

/* setreuid(2): the saved id becomes the effective one if the real one is set, or the effective one
 * to a value other than the real. */
static long change_two(struct ids *ids, const u32 *to, bool root)
{
	u32 real = to[0], effective = to[1];
	struct ids old = *ids;

	if (!root && real != KEEP && real != old.real && real != old.effective)
		return -EPERM;
	if (!root && effective != KEEP && effective != old.real && effective != old.effective &&
	    effective != old.saved)
		return -EPERM;
	if (real != KEEP)
		ids->real = real;
	if (effective != KEEP)
		ids->effective = effective;
	if (real != KEEP || (effective != KEEP && effective != old.real))
		ids->saved = ids->effective;
	ids->fs = ids->effective;
	return 0;
}

static bool has_id(const struct ids *ids, u32 id)
{
	return id == KEEP || id == ids->real || id == ids->effective || id == ids->saved;
}

/* setresuid(2) */
static long change_three(struct ids *ids, const u32 *to, bool root)
{
	u32 real = to[0], effective = to[1], saved = to[2];

	if (!root && (!has_id(ids, real) || !has_id(ids, effective) || !has_id(ids, saved)))
		return -EPERM;
	if (real != KEEP)
		ids->real = real;
	if (effective != KEEP)
		ids->effective = effective;
	if (saved != KEEP)
		ids->saved = saved;
	ids->fs = ids->effective;
	return 0;
}

static bool root(void)
{
	return cred_is_root(current->cred);
}

static long change(enum kind kind, long (*rule)(struct ids *ids, const u32 *to, bool root),
		   const u32 *to)
{
	struct ids ids = ids_of(current->cred, kind);
	long err = rule(&ids, to, root());

	return err ? err : set_ids(kind, &ids);
}

static long put_ids(enum kind kind, u32 __user *real, u32 __user *effective, u32 __user *saved)
{
	struct ids ids = ids_of(current->cred, kind);
	bool bad = put_user(ids.real, real) || put_user(ids.effective, effective) ||
		   put_user(ids.saved, saved);

	return bad ? -EFAULT : 0;
}

/* setfsuid(2) returns the old id, whether or not it has changed. */
static long change_fs(enum kind kind, u32 id)
{
	struct ids ids = ids_of(current->cred, kind);
	u32 old = ids.fs;

	if (id != KEEP && (root() || has_id(&ids, id))) {
		ids.fs = id;
		(void)set_ids(kind, &ids);
	}
	return old;
}

/* The calls for users, and the same for groups: sys_setuid() to sys_setfsgid(). */
#define ID_CALLS(id, kind)                                                                       \
	long sys_set##id(id##_t real)                                                            \
	{                                                                                        \
		return change(kind, change_one, &real);                                          \
	}                                                                                        \
	long sys_setre##id(id##_t real, id##_t effective)                                        \
	{                                                                                        \
		return change(kind, change_two, (const u32[]){real, effective});                 \
	}                                                                                        \
	long sys_setres##id(id##_t real, id##_t effective, id##_t saved)                         \
	{                                                                                        \
		return change(kind, change_three, (const u32[]){real, effective, saved});        \
	}                                                                                        \
	long sys_getres##id(id##_t __user *real, id##_t __user *effective, id##_t __user *saved) \
	{                                                                                        \
		return put_ids(kind, real, effective, saved);                                    \
	}                                                                                        \
	long sys_setfs##id(id##_t fs)                                                            \
	{                                                                                        \
		return change_fs(kind, fs);                                                      \
	}
ID_CALLS(uid, USER)
ID_CALLS(gid, GROUP)

long sys_getgroups(int size, gid_t __user *list)
{
	const struct cred *c = current->cred;

	if (size < 0 || (size > 0 && size < c->ngroups))
		return -EINVAL;
	if (size > 0 && copy_to_user(list, c->groups, c->ngroups * sizeof(gid_t)))
		return -EFAULT;
	return c->ngroups;
}

long sys_setgroups(int size, const gid_t __user *list)
{
	struct cred *c;

	if (!cred_is_root(current->cred))
		return -EPERM;
	if (size < 0 || size > NGROUPS)
		return -EINVAL;
	c = prepare_creds();
	if (!c)
		return -ENOMEM;
	if (copy_from_user(c->groups, list, size * sizeof(gid_t))) {
		put_cred(c);
		return -EFAULT;
	}
	c->ngroups = size;
	commit_creds(c);
	return 0;
}
