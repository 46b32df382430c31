/*
 * Capabilities: capabilities(7), capget(2), capset(2).
 *
 * User id 0 has all privileges, other users have none. So the sets follow from the ids by Linux's
 * rules, until capset() gives up all capabilities; it refuses to give up single ones. A program
 * that root starts has all of them again.
 */
#include "kernel/sys/capability.h"

#include "kernel/cred.h"
#include "kernel/lib/string.h"
#include "kernel/lib/syscall.h"
#include "kernel/sharing.h"
#include "kernel/task.h"

u64 cred_permitted(const struct cred *c)
{
	bool root = c->uid == 0 || c->euid == 0 || c->suid == 0;

	return root && !c->no_caps ? CAP_ALL : 0;
}

u64 cred_effective(const struct cred *c)
{
	return cred_is_root(c) ? CAP_ALL : 0;
}

/* The number of 32-bit words of each set in the caller's version. For an unknown version, store
 * this kernel's: -EINVAL. */
static int words_of(cap_user_header_t header)
{
	u32 version;

	if (!header || get_user(version, &header->version))
		return -EFAULT;
	switch (version) {
	case _LINUX_CAPABILITY_VERSION_1:
		return _LINUX_CAPABILITY_U32S_1;
	case _LINUX_CAPABILITY_VERSION_2:
	case _LINUX_CAPABILITY_VERSION_3:
		return _LINUX_CAPABILITY_U32S_3;
	}
	version = _LINUX_CAPABILITY_VERSION_3;
	return put_user(version, &header->version) ? -EFAULT : -EINVAL;
}

struct sets {
	u64 effective, permitted;
};

/* 0 or -ESRCH; pid 0 is the caller. */
static int sets_of(pid_t pid, struct sets *out)
{
	struct task *p scoped(put_task) = pid ? find_get_task(pid) : NULL;

	if (pid && !p)
		return -ESRCH;
	struct cred *c scoped(put_cred) = task_get_cred(p ? p : current);
	*out = (struct sets){cred_effective(c), cred_permitted(c)};
	return 0;
}

long sys_capget(cap_user_header_t header, cap_user_data_t data)
{
	struct __user_cap_data_struct words[_LINUX_CAPABILITY_U32S_3] = {};
	int nr = words_of(header), err;
	struct sets sets;
	pid_t pid;

	if (!data && (nr > 0 || nr == -EINVAL))
		return 0; /* the caller wants only the version */
	if (nr < 0)
		return nr;
	if (get_user(pid, &header->pid))
		return -EFAULT;
	err = pid < 0 ? -EINVAL : sets_of(pid, &sets);
	if (err)
		return err;
	for (int i = 0; i < nr; i++) {
		words[i].effective = (u32)(sets.effective >> (32 * i));
		words[i].permitted = (u32)(sets.permitted >> (32 * i));
	}
	return copy_to_user(data, words, (size_t)nr * sizeof(words[0])) ? -EFAULT : 0;
}

static u64 join(const struct __user_cap_data_struct *words, size_t offset)
{
	u32 low, high;

	memcpy(&low, (const char *)&words[0] + offset, sizeof(low));
	memcpy(&high, (const char *)&words[1] + offset, sizeof(high));
	return ((u64)high << 32 | low) & CAP_ALL;
}

static long give_up_all(void)
{
	struct cred *c = prepare_creds();

	if (!c)
		return -ENOMEM;
	c->no_caps = true;
	commit_creds(c);
	return 0;
}

long sys_capset(cap_user_header_t header, const cap_user_data_t data)
{
	struct __user_cap_data_struct words[_LINUX_CAPABILITY_U32S_3] = {};
	int nr = words_of(header);
	struct sets now;
	u64 permitted, effective, inheritable;
	pid_t pid;

	if (nr < 0)
		return nr;
	if (get_user(pid, &header->pid))
		return -EFAULT;
	if (pid != 0 && pid != current->pid_nr)
		return -EPERM;
	if (copy_from_user(words, data, (size_t)nr * sizeof(words[0])))
		return -EFAULT;
	effective = join(words, offsetof(struct __user_cap_data_struct, effective));
	permitted = join(words, offsetof(struct __user_cap_data_struct, permitted));
	inheritable = join(words, offsetof(struct __user_cap_data_struct, inheritable));
	(void)sets_of(0, &now);
	if ((permitted & ~now.permitted) || (effective & ~permitted) ||
	    (inheritable & ~now.permitted))
		return -EPERM;
	if (inheritable ||
	    (permitted && (permitted != now.permitted || effective != now.effective)))
		return -EINVAL;
	return permitted == now.permitted ? 0 : give_up_all();
}
