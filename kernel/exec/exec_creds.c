/*
 * Set-user-id and set-group-id programs: execve(2), credentials(7).
 *
 * A program gets its owner's ids only where no other task could misuse them: not after
 * PR_SET_NO_NEW_PRIVS, not from a file system mounted nosuid, not under a tracer without privilege,
 * and not while a task outside the process shares its root and working directory and could change
 * them. This is checked once, and from then until the new ids are in force no task can join
 * (fs_context_fork()).
 */
#include "kernel/exec/exec_creds.h"

#include "kernel/fs/fs.h"
#include "kernel/ptrace/ptrace.h"
#include "kernel/task.h"
#include <linux/personality.h>
#include <linux/stat.h>

#define STACK_LIMIT_SECURE (8UL << 20) /* Linux's _STK_LIM */

static bool differs_from_real(const struct cred *c)
{
	return c->euid != c->uid || c->egid != c->gid;
}

static bool gains_caps(const struct cred *c)
{
	return cred_is_root(c) && !cred_is_root(current->cred);
}

/* Do other processes use current's root and working directory? None can join until
 * exec_creds_finish(). */
static bool shares_fs(struct exec_creds *out)
{
	if (!current->fs)
		return false;
	out->fs = current->fs;
	return !fs_context_exec_begin(current->fs);
}

/* Take back new rights that could be misused: capabilities(7), "Safety checking". */
static void limit_rights(struct cred *c, struct exec_creds *out)
{
	if (!differs_from_real(c) && !gains_caps(c))
		return;
	out->gains = true;
	if (!ptrace_exec_begin() && !current->no_new_privs && !shares_fs(out))
		return;
	if (!cred_is_root(current->cred) || current->no_new_privs) {
		c->euid = c->uid;
		c->egid = c->gid;
	}
	c->no_caps = c->no_caps || !cred_is_root(current->cred);
}

int exec_creds_prepare(struct exec_creds *out, struct file *f)
{
	struct cred *c = prepare_creds();
	mode_t bits = 0;
	uid_t uid;
	gid_t gid;

	if (!c)
		return -ENOMEM;
	*out = (struct exec_creds){.cred = c, .personality = current->personality};
	if (!current->no_new_privs)
		bits = file_set_ids(f, &uid, &gid);
	if (bits & S_ISUID)
		c->euid = uid;
	if (bits & S_ISGID)
		c->egid = gid;
	if (bits)
		out->personality &= ~PER_CLEAR_ON_SETID;
	if (c->uid == 0 || c->euid == 0)
		c->no_caps = false; /* capabilities(7): root's programs begin with all of them */
	out->secure = differs_from_real(c);
	limit_rights(c, out);
	c->suid = c->fsuid = c->euid;
	c->sgid = c->fsgid = c->egid;
	out->dumpable = !differs_from_real(c) && file_is_readable(f);
	return 0;
}

u64 exec_creds_stack_limit(const struct exec_creds *c)
{
	u64 limit = READ_ONCE(current->signal->rlim[RLIMIT_STACK].rlim_cur);

	return c->secure ? MIN(limit, STACK_LIMIT_SECURE) : limit;
}

void exec_creds_commit(struct exec_creds *c)
{
	struct task *p = current;
	u64 limit = exec_creds_stack_limit(c);

	if (c->secure) { /* execve(2), getauxval(3): the caller must not influence the program */
		guard_irq(&p->sighand->lock);
		p->signal->rlim[RLIMIT_STACK].rlim_cur = limit;
		WRITE_ONCE(p->pdeath_signal, 0);
	}
	p->personality = c->personality;
	commit_creds(c->cred);
	c->cred = NULL;
}

void exec_creds_finish(struct exec_creds *c)
{
	if (c->gains)
		ptrace_exec_end();
	if (c->fs)
		fs_context_exec_end(c->fs);
	if (c->cred)
		put_cred(c->cred);
}
