/* The one network interface, lo, as ioctls show it: netdevice(7). */
#include "kernel/net/inet.h"

#include <linux/sockios.h>

#define ARPHRD_LOOPBACK 772
#define FLAG_UP         1    /* IFF_UP */
#define FLAGS_OF_LO     0x49 /* IFF_UP | IFF_LOOPBACK | IFF_RUNNING */

struct interface_request {
	char name[16];
	union {
		struct sockaddr_in address;
		u16 family;
		short flags;
		int number;
		char bytes[24];
	};
};

struct interface_list {
	int len; /* of the buffer, in bytes */
	struct interface_request __user *to;
};

static void set_address(struct interface_request *r, u32 ip)
{
	r->address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(ip)};
}

/* Fill in the answer about lo. */
static int answer(unsigned int cmd, struct interface_request *r)
{
	memset(r->bytes, 0, sizeof(r->bytes));
	switch (cmd) {
	case SIOCGIFFLAGS:
		r->flags = FLAGS_OF_LO;
		return 0;
	case SIOCGIFADDR:
		set_address(r, INADDR_LOOPBACK);
		return 0;
	case SIOCGIFDSTADDR:
		set_address(r, INADDR_LOOPBACK);
		return 0;
	case SIOCGIFBRDADDR:
		set_address(r, INADDR_ANY);
		return 0;
	case SIOCGIFNETMASK:
		set_address(r, 0xff000000);
		return 0;
	case SIOCGIFMTU:
		r->number = LO_MTU;
		return 0;
	case SIOCGIFTXQLEN:
		r->number = 1000;
		return 0;
	case SIOCGIFINDEX:
		r->number = 1;
		return 0;
	case SIOCGIFMETRIC:
		return 0;
	case SIOCGIFHWADDR:
		r->family = ARPHRD_LOOPBACK;
		return 0;
	default:
		return -ENOTTY;
	}
}

static long list_interfaces(struct interface_list __user *ulist)
{
	struct interface_request r;
	struct interface_list list;

	if (copy_from_user(&list, ulist, sizeof(list)))
		return -EFAULT;
	memset(&r, 0, sizeof(r));
	memcpy(r.name, "lo", 2);
	set_address(&r, INADDR_LOOPBACK);
	if (list.to && list.len < (int)sizeof(r))
		list.len = 0;
	else
		list.len = sizeof(r);
	if (list.to && list.len && copy_to_user(list.to, &r, sizeof(r)))
		return -EFAULT;
	return put_user(list.len, &ulist->len) ? -EFAULT : 0;
}

static long name_of_index(struct interface_request __user *ur)
{
	struct interface_request r;

	if (copy_from_user(&r, ur, sizeof(r)))
		return -EFAULT;
	if (r.number != 1)
		return -ENODEV;
	return copy_to_user(ur->name, "lo", 3) ? -EFAULT : 0;
}

/* The requests that would change lo or the routes. */
static bool changes(unsigned int cmd)
{
	return cmd == SIOCSIFFLAGS || cmd == SIOCSIFADDR || cmd == SIOCSIFNETMASK ||
	       cmd == SIOCSIFBRDADDR || cmd == SIOCSIFMTU || cmd == SIOCSIFNAME ||
	       cmd == SIOCSIFTXQLEN || cmd == SIOCADDRT || cmd == SIOCDELRT;
}

/* lo is up: that may be asked for, and nothing else. */
static int keeps_up(const struct interface_request __user *ur)
{
	struct interface_request r;

	if (copy_from_user(&r, ur, sizeof(r)))
		return -EFAULT;
	r.name[sizeof(r.name) - 1] = '\0';
	if (strcmp(r.name, "lo"))
		return -ENODEV;
	return r.flags & FLAG_UP ? 0 : -EOPNOTSUPP;
}

long interface_ioctl(unsigned int cmd, unsigned long arg)
{
	struct interface_request __user *ur = (struct interface_request __user *)arg;
	struct interface_request r;
	int err;

	if (cmd == SIOCGIFCONF)
		return list_interfaces((struct interface_list __user *)arg);
	if (cmd == SIOCGIFNAME)
		return name_of_index(ur);
	if (changes(cmd) && !cred_is_root(current->cred))
		return -EPERM;
	if (cmd == SIOCSIFFLAGS)
		return keeps_up(ur);
	if (changes(cmd))
		return -EOPNOTSUPP;
	err = answer(cmd, &r);
	if (err)
		return err;
	if (copy_from_user(r.name, ur->name, sizeof(r.name)))
		return -EFAULT;
	r.name[sizeof(r.name) - 1] = '\0';
	if (strcmp(r.name, "lo"))
		return -ENODEV;
	return copy_to_user(ur, &r, sizeof(r)) ? -EFAULT : 0;
}
