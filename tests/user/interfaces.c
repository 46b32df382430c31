/* The loopback interface: netdevice(7), rtnetlink(7), getifaddrs(3), /proc/net. */
#include "inet.h"

#include <ifaddrs.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stddef.h>

static void requests(void)
{
	int s = socket(AF_INET, SOCK_DGRAM, 0);
	struct ifreq r = {.ifr_name = "lo"};

	NET(ioctl(s, SIOCGIFFLAGS, &r));
	say("flags %x", r.ifr_flags & (IFF_UP | IFF_LOOPBACK | IFF_RUNNING));
	NET(ioctl(s, SIOCGIFADDR, &r));
	say_address("address", (union name *)&r.ifr_addr);
	NET(ioctl(s, SIOCGIFNETMASK, &r));
	say_address("mask", (union name *)&r.ifr_netmask);
	NET(ioctl(s, SIOCGIFINDEX, &r));
	say("index %d", r.ifr_ifindex);
	NET(ioctl(s, SIOCGIFMTU, &r));
	say("mtu %d", r.ifr_mtu);
	NET(ioctl(s, SIOCGIFHWADDR, &r));
	say("kind %d", r.ifr_hwaddr.sa_family);
	NET(ioctl(s, SIOCGIFNAME, &r));
	strcpy(r.ifr_name, "nothing");
	NET(ioctl(s, SIOCGIFFLAGS, &r));
	NET(ioctl(s, 0x8bff, &r));
	say("index %u", if_nametoindex("lo"));
	NET(if_nametoindex("nothing"));
	close(s);
}

static void addresses(void)
{
	struct ifaddrs *list, *i;

	NET(getifaddrs(&list));
	for (i = list; i; i = i->ifa_next)
		if (!strcmp(i->ifa_name, "lo") && i->ifa_addr && i->ifa_addr->sa_family != 17)
			say_address(i->ifa_name, (union name *)i->ifa_addr);
	freeifaddrs(list);
}

/* The first words of one of the tables, and whether a socket is there in this state. */
static void show(const char *file, int port, int state)
{
	char line[512], want[16], local[64];
	unsigned int in;
	FILE *f = fopen(file, "r");
	bool found = false;

	snprintf(want, sizeof(want), ":%04X", port);
	if (f && fgets(line, sizeof(line), f))
		say("%s: %.30s", file, line);
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%*s %63s %*s %x", local, &in) == 2 && strstr(local, want))
			found |= (int)in == state;
	if (port)
		say("state %d %s", state, found ? "is there" : "is missing");
	if (f)
		fclose(f);
}

static void tables(void)
{
	int l = listener(3), s = connected_to(l), u = bound(SOCK_DGRAM, ip4("127.0.0.1", 0));

	show("/proc/net/tcp", port_of(l), 10);
	show("/proc/net/tcp", port_of(s), 1);
	show("/proc/net/udp", port_of(u), 7);
	show("/proc/net/tcp6", 0, 0);
	show("/proc/net/udp6", 0, 0);
	show("/proc/net/unix", 0, 0);
	show("/proc/net/dev", 0, 0);
	show("/proc/net/route", 0, 0);
	close(l), close(s), close(u);
}

/* One link, by index or name. */
static void one_link(int index, const char *name)
{
	struct {
		struct nlmsghdr h;
		struct ifinfomsg i;
		struct rtattr r;
		char name[16];
	} m = {.h = {.nlmsg_type = RTM_GETLINK, .nlmsg_flags = NLM_F_REQUEST}};
	int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
	static _Alignas(8) char room[8192];
	struct nlmsghdr *h = (struct nlmsghdr *)room;

	m.h.nlmsg_len = offsetof(__typeof__(m), r);
	m.i.ifi_index = index;
	if (name) {
		m.r.rta_type = IFLA_IFNAME;
		m.r.rta_len = (unsigned short)(sizeof(m.r) + strlen(name) + 1);
		memcpy(m.name, name, strlen(name) + 1);
		m.h.nlmsg_len += m.r.rta_len;
	}
	send(fd, &m, m.h.nlmsg_len, 0);
	if (recv(fd, room, sizeof(room), 0) < 0)
		say("no answer");
	else if (h->nlmsg_type == NLMSG_ERROR)
		say("link %d %s: error %d", index, name ?: "", *(int *)NLMSG_DATA(h));
	else
		say("link %d %s: found %d", index, name ?: "",
		    ((struct ifinfomsg *)NLMSG_DATA(h))->ifi_index);
	close(fd);
}

int main(void)
{
	one_link(1, NULL);
	one_link(1, "other");
	one_link(77777, NULL);
	one_link(0, NULL);
	one_link(0, "lo");
	one_link(0, "lofty");
	one_link(0, "nothing7");
	requests();
	addresses();
	tables();
	return 0;
}
