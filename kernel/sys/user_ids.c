/* User and group ids: credentials(7), setuid(2) and its family, setgroups(2). */
#include "kernel/cred.h"
#include "kernel/lib/syscall.h"
#include "kernel/task.h"

#define KEEP ((u32)-1) /* -1: leave this id as it is */

long sys_getuid(void)
{
	return current->cred->uid;
}

long sys_geteuid(void)
{
	return current->cred->euid;
}

long sys_getgid(void)
{
	return current->cred->gid;
}

long sys_getegid(void)
{
	return current->cred->egid;
}

/* The ids of one kind, by their roles: what the calls below work on. */
struct ids {
	u32 real, effective, saved, fs;
};

static struct ids uids_of(const struct cred *c)
{
	return (struct ids){c->uid, c->euid, c->suid, c->fsuid};
}

static struct ids gids_of(const struct cred *c)
{
	return (struct ids){c->gid, c->egid, c->sgid, c->fsgid};
}

/* Give current these ids. 0 or -ENOMEM. */
static long set_uids(const struct ids *ids)
{
	struct cred *c = prepare_creds();

	if (!c)
		return -ENOMEM;
	if (ids->real != c->uid && cred_set_uid(c, ids->real)) {
		put_cred(c);
		return -ENOMEM;
	}
	c->euid = ids->effective;
	c->suid = ids->saved;
	c->fsuid = ids->fs;
	commit_creds(c);
	return 0;
}

static long set_gids(const struct ids *ids)
{
	struct cred *c = prepare_creds();

	if (!c)
		return -ENOMEM;
	c->gid = ids->real;
	c->egid = ids->effective;
	c->sgid = ids->saved;
	c->fsgid = ids->fs;
	commit_creds(c);
	return 0;
}

/* ---- the rules, alike for users and groups. 0, -EPERM or -EINVAL with *ids as it was ---- */

/* Root sets all of them for good; others choose among what they have. setuid(2). */
static long change_one(struct ids *ids, u32 id, bool root)
{
	if (id == KEEP)
		return -EINVAL;
	if (!root && id != ids->real && id != ids->saved)
		return -EPERM;
	if (root)
		ids->real = ids->saved = id;
	ids->effective = ids->fs = id;
	return 0;
}

/* setreuid(2): the saved id follows when the real one is set, or the effective one to another than
 * the real. */
static long change_two(struct ids *ids, u32 real, u32 effective, bool root)
{
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
static long change_three(struct ids *ids, u32 real, u32 effective, u32 saved, bool root)
{
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

/* ---- the calls ---- */

static bool root(void)
{
	return cred_is_root(current->cred);
}

long sys_setuid(uid_t uid)
{
	struct ids ids = uids_of(current->cred);
	long err = change_one(&ids, uid, root());

	return err ? err : set_uids(&ids);
}

long sys_setgid(gid_t gid)
{
	struct ids ids = gids_of(current->cred);
	long err = change_one(&ids, gid, root());

	return err ? err : set_gids(&ids);
}

long sys_setreuid(uid_t real, uid_t effective)
{
	struct ids ids = uids_of(current->cred);
	long err = change_two(&ids, real, effective, root());

	return err ? err : set_uids(&ids);
}

long sys_setregid(gid_t real, gid_t effective)
{
	struct ids ids = gids_of(current->cred);
	long err = change_two(&ids, real, effective, root());

	return err ? err : set_gids(&ids);
}

long sys_setresuid(uid_t real, uid_t effective, uid_t saved)
{
	struct ids ids = uids_of(current->cred);
	long err = change_three(&ids, real, effective, saved, root());

	return err ? err : set_uids(&ids);
}

long sys_setresgid(gid_t real, gid_t effective, gid_t saved)
{
	struct ids ids = gids_of(current->cred);
	long err = change_three(&ids, real, effective, saved, root());

	return err ? err : set_gids(&ids);
}

static long put_ids(const struct ids *ids, u32 __user *real, u32 __user *effective,
		    u32 __user *saved)
{
	return put_user(ids->real, real) || put_user(ids->effective, effective) ||
			       put_user(ids->saved, saved)
		       ? -EFAULT
		       : 0;
}

long sys_getresuid(uid_t __user *real, uid_t __user *effective, uid_t __user *saved)
{
	struct ids ids = uids_of(current->cred);

	return put_ids(&ids, real, effective, saved);
}

long sys_getresgid(gid_t __user *real, gid_t __user *effective, gid_t __user *saved)
{
	struct ids ids = gids_of(current->cred);

	return put_ids(&ids, real, effective, saved);
}

/* setfsuid(2) returns the old id, whether it was changed or not. */
long sys_setfsuid(uid_t uid)
{
	struct ids ids = uids_of(current->cred);
	u32 old = ids.fs;

	if (uid != KEEP && (root() || has_id(&ids, uid))) {
		ids.fs = uid;
		(void)set_uids(&ids);
	}
	return old;
}

long sys_setfsgid(gid_t gid)
{
	struct ids ids = gids_of(current->cred);
	u32 old = ids.fs;

	if (gid != KEEP && (root() || has_id(&ids, gid))) {
		ids.fs = gid;
		(void)set_gids(&ids);
	}
	return old;
}

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
