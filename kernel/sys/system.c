/* The machine as a whole: reboot(2), prctl(2). */
#include "kernel/lib/log.h"
#include "kernel/lib/string.h"
#include "kernel/sys/syscall.h"
#include "kernel/task.h"
#include <linux/prctl.h>
#include <linux/reboot.h>

long sys_reboot(unsigned int magic1, unsigned int magic2, unsigned int cmd,
		void __user *arg __maybe_unused)
{
	if (!cred_is_root(current->cred))
		return -EPERM;
	if (magic1 != LINUX_REBOOT_MAGIC1 ||
	    (magic2 != LINUX_REBOOT_MAGIC2 && magic2 != LINUX_REBOOT_MAGIC2A &&
	     magic2 != LINUX_REBOOT_MAGIC2B && magic2 != LINUX_REBOOT_MAGIC2C))
		return -EINVAL;
	switch (cmd) {
	case LINUX_REBOOT_CMD_RESTART:
		arch_reboot();
	case LINUX_REBOOT_CMD_HALT:
	case LINUX_REBOOT_CMD_POWER_OFF:
		arch_poweroff(0);
	default:
		return -EINVAL;
	}
}

static long set_name(const char __user *uname)
{
	char name[TASK_COMM_LEN];
	long n = strncpy_from_user(name, uname, sizeof(name) - 1);

	if (n < 0)
		return n;
	name[sizeof(name) - 1] = '\0';
	strlcpy(current->comm, name, sizeof(current->comm));
	return 0;
}

static long get_name(char __user *uname)
{
	char name[TASK_COMM_LEN] = {0};

	strlcpy(name, current->comm, sizeof(name));
	return copy_to_user(uname, name, sizeof(name)) ? -EFAULT : 0;
}

long sys_prctl(int option, unsigned long arg2, unsigned long arg3 __maybe_unused,
	       unsigned long arg4 __maybe_unused, unsigned long arg5 __maybe_unused)
{
	switch (option) {
	case PR_SET_NAME:
		return set_name((const char __user *)arg2);
	case PR_GET_NAME:
		return get_name((char __user *)arg2);
	default:
		return -EINVAL;
	}
}
