/* The machine as a whole: reboot(2). */
#include "kernel/lib/syscall.h"
#include "kernel/task.h"
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
