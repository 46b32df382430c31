/*
 * Set-user-id and set-group-id programs: execve(2), credentials(7).
 *
 * Their owner's ids are given only where nobody else could make use of it: not after
 * PR_SET_NO_NEW_PRIVS, not from a file system mounted nosuid, and not while somebody outside the
 * process shares its root and working directory and could move them under it.
 */
#include "kernel/exec_creds.h"

#include "kernel/fs/fs.h"
#include "kernel/task.h"
#include <linux/personality.h>
#include <linux/stat.h>

static bool differs_from_real(const struct cred *c)
{
	return c->euid != c->uid || c->egid != c->gid;
}

static bool shares_fs(void)
{
	return current->fs && fs_context_users(current->fs) > (u32)current->signal->nr_threads;
}

int exec_creds_prepare(struct exec_creds *out, struct file *f)
{
	struct cred *c = prepare_creds();
	mode_t bits = 0;
	uid_t uid;
	gid_t gid;

	if (!c)
		return -ENOMEM;
	if (!current->no_new_privs)
		bits = file_set_ids(f, &uid, &gid);
	if (bits & S_ISUID)
		c->euid = uid;
	if (bits & S_ISGID)
		c->egid = gid;
	if (differs_from_real(c) && shares_fs() && !cred_is_root(current->cred)) {
		c->euid = c->uid;
		c->egid = c->gid;
	}
	if (c->uid == 0 || c->euid == 0)
		c->no_caps = false; /* capabilities(7): root's programs begin with all of them */
	c->suid = c->fsuid = c->euid;
	c->sgid = c->fsgid = c->egid;
	*out = (struct exec_creds){
		.cred = c,
		.personality =
			bits ? current->personality & ~PER_CLEAR_ON_SETID : current->personality,
		.secure = differs_from_real(c),
	};
	return 0;
}

void exec_creds_commit(struct exec_creds *c)
{
	current->personality = c->personality;
	commit_creds(c->cred);
}
