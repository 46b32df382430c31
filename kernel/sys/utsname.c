/* The system's names: uname(2), sethostname(2), setdomainname(2). */
#include "kernel/sys/utsname.h"

#include "kernel/lib/lock.h"
#include "kernel/lib/string.h"
#include "kernel/lib/syscall.h"
#include "kernel/task.h"

static spinlock_t uts_lock = SPINLOCK_INIT(LOCK_UTS);
/* The release is that of the ABI provided here: programs compare it with what they need. */
static struct new_utsname utsname = {
	.sysname = "Linux",
	.nodename = "bident",
	.release = "6.1.0-bident",
	.version = "#1 SMP Bident",
	.machine = "x86_64",
	.domainname = "(none)",
};

void utsname_get(struct new_utsname *out)
{
	guard_spin(&uts_lock);
	*out = utsname;
}

int utsname_set(size_t field, const char *text, size_t n)
{
	char *name = (char *)&utsname + field;

	if (!cred_is_root(current->cred))
		return -EPERM;
	if (n > __NEW_UTS_LEN)
		return -EINVAL;
	guard_spin(&uts_lock);
	memset(name, 0, __NEW_UTS_LEN + 1);
	memcpy(name, text, n);
	return 0;
}

long sys_uname(struct new_utsname __user *name)
{
	struct new_utsname now;

	utsname_get(&now);
	return copy_to_user(name, &now, sizeof(now)) ? -EFAULT : 0;
}

static long set_from_user(size_t field, const char __user *name, int len)
{
	char text[__NEW_UTS_LEN];

	if (!cred_is_root(current->cred))
		return -EPERM;
	if (len < 0 || len > __NEW_UTS_LEN)
		return -EINVAL;
	if (copy_from_user(text, name, (size_t)len))
		return -EFAULT;
	return utsname_set(field, text, (size_t)len);
}

long sys_sethostname(const char __user *name, int len)
{
	return set_from_user(offsetof(struct new_utsname, nodename), name, len);
}

long sys_setdomainname(const char __user *name, int len)
{
	return set_from_user(offsetof(struct new_utsname, domainname), name, len);
}
