/* /proc/net and /proc/sys/net/ipv4: sockets, and the one interface, lo. proc(5) */
#include "kernel/fs/proc/proc.h"
#include "kernel/net/inet.h"
#include "kernel/net/unix.h"

#define MUST_BE_LISTENING 0x10000 /* Flags in /proc/net/unix: __SO_ACCEPTCON */

/* ---- TCP and UDP ---- */

struct table {
	struct seq *s;
	int family;
	u32 line;
};

static void put_ip(struct seq *s, const struct in6_addr *ip, int family)
{
	const u32 *w = ip->in6_u.u6_addr32;

	if (family == AF_INET)
		seq_printf(s, "%08X", w[3]);
	else
		seq_printf(s, "%08X%08X%08X%08X", w[0], w[1], w[2], w[3]);
}

static void put_endpoint(struct seq *s, const struct endpoint *e, int family)
{
	put_ip(s, &e->ip, family);
	seq_printf(s, ":%04X ", e->port);
}

static void put_line(struct socket *base, void *arg)
{
	struct isock *i = isock_of(base);
	struct table *t = arg;
	bool tcp = base->type == SOCK_STREAM, listens = READ_ONCE(i->state) == TCP_LISTEN;

	if (base->family != t->family || !i->local.port)
		return;
	seq_printf(t->s, tcp ? "%4u: " : "%5u: ", t->line++);
	put_endpoint(t->s, &i->local, t->family);
	put_endpoint(t->s, &i->remote, t->family);
	seq_printf(t->s, "%02X %08X:%08X 00:00000000 00000000 %5u        0 %lu 1 0000000000000000",
		   READ_ONCE(i->state), tcp ? (u32)atomic_read(&i->outstanding) : 0,
		   listens ? READ_ONCE(i->backlog_nr)
		   : tcp   ? READ_ONCE(i->bytes)
			   : READ_ONCE(i->charge),
		   base->uid, base->ino);
	seq_puts(t->s, tcp ? " 100 0 0 10 0\n" : " 0\n");
}

static int show_table(struct seq *s, struct socket_list *list, int family)
{
	struct table t = {.s = s, .family = family};
	bool tcp = list == &tcp_sockets;

	if (family == AF_INET)
		seq_printf(s, "  %s  local_address rem_address   ", tcp ? "sl" : " sl");
	else
		seq_printf(s, "  sl  %-38s%-38s", "local_address", "remote_address");
	seq_printf(s, "st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode%s\n",
		   tcp ? "" : " ref pointer drops");
	sockets_each(list, put_line, &t);
	return 0;
}

static int show_tcp(struct seq *s, const struct proc_node *node __maybe_unused)
{
	return show_table(s, &tcp_sockets, AF_INET);
}

static int show_tcp6(struct seq *s, const struct proc_node *node __maybe_unused)
{
	return show_table(s, &tcp_sockets, AF_INET6);
}

static int show_udp(struct seq *s, const struct proc_node *node __maybe_unused)
{
	return show_table(s, &udp_sockets, AF_INET);
}

static int show_udp6(struct seq *s, const struct proc_node *node __maybe_unused)
{
	return show_table(s, &udp_sockets, AF_INET6);
}

/* ---- AF_UNIX ---- */

/* SS_UNCONNECTED and SS_CONNECTED */
static u32 unix_state(const struct usock *u)
{
	return READ_ONCE(u->state) == SOCKET_CONNECTED ? 3 : 1;
}

static void put_unix(struct socket *base, void *arg)
{
	struct usock *u = usock_of(base);
	const struct unix_name *n = READ_ONCE(u->name);
	struct seq *s = arg;

	seq_printf(s, "0000000000000000: %08X 00000000 %08X %04X %02X %5lu",
		   refcount_read(&u->count) + 1, base->listens ? MUST_BE_LISTENING : 0, base->type,
		   unix_state(u), base->ino);
	if (n) {
		u32 len = n->len - offsetof(struct sockaddr_un, sun_path);

		seq_puts(s, " ");
		for (u32 i = 0; i < len; i++) {
			char c = n->addr.sun_path[i];

			if (c || (i == 0 || i + 1 < len))
				seq_write(s, c ? &c : "@", 1);
		}
	}
	seq_puts(s, "\n");
}

static int show_unix(struct seq *s, const struct proc_node *node __maybe_unused)
{
	seq_puts(s, "Num       RefCount Protocol Flags    Type St Inode Path\n");
	sockets_each(&unix_sockets, put_unix, s);
	return 0;
}

/* ---- the interface ---- */

static int show_dev(struct seq *s, const struct proc_node *node __maybe_unused)
{
	seq_puts(
		s,
		"Inter-|   Receive                                                |  Transmit\n"
		" face |bytes    packets errs drop fifo frame compressed multicast|bytes    "
		"packets errs drop fifo colls carrier compressed\n"
		"    lo:       0       0    0    0    0     0          0         0        0       0"
		"    0    0    0     0       0          0\n");
	return 0;
}

static int show_if_inet6(struct seq *s, const struct proc_node *node __maybe_unused)
{
	seq_puts(s, "00000000000000000000000000000001 01 80 10 80       lo\n");
	return 0;
}

/* The routes to lo are in the table `local`, which this file does not show. */
static int show_route(struct seq *s, const struct proc_node *node __maybe_unused)
{
	seq_printf(s, "%-127s\n",
		   "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\t"
		   "Window\tIRTT");
	return 0;
}

static void count_one(struct socket *s __maybe_unused, void *arg)
{
	++*(u32 *)arg;
}

static u32 count(struct socket_list *list)
{
	u32 n = 0;

	sockets_each(list, count_one, &n);
	return n;
}

static int show_sockstat(struct seq *s, const struct proc_node *node __maybe_unused)
{
	u32 tcp = count(&tcp_sockets), udp = count(&udp_sockets);

	seq_printf(
		s,
		"sockets: used %u\nTCP: inuse %u orphan 0 tw 0 alloc %u mem 0\nUDP: inuse %u mem "
		"0\nUDPLITE: inuse 0\nRAW: inuse 0\nFRAG: inuse 0 memory 0\n",
		tcp + udp + count(&unix_sockets), READ_ONCE(init_net.tcp.used), tcp,
		READ_ONCE(init_net.udp.used));
	return 0;
}

static const struct proc_entry net_entries[] = {
	PROC_FILE("dev", show_dev),     PROC_FILE("if_inet6", show_if_inet6),
	PROC_FILE("route", show_route), PROC_FILE("sockstat", show_sockstat),
	PROC_FILE("tcp", show_tcp),     PROC_FILE("tcp6", show_tcp6),
	PROC_FILE("udp", show_udp),     PROC_FILE("udp6", show_udp6),
	PROC_FILE("unix", show_unix),
};
const struct proc_dir proc_net_dir = {.entries = net_entries, .nr = ARRAY_SIZE(net_entries)};

/* ---- net.ipv4 ---- */

static int show_port_range(struct seq *s, const struct proc_node *node __maybe_unused)
{
	u64 range = READ_ONCE(init_net.port_range);

	seq_printf(s, "%lu\t%lu\n", range & UINT16_MAX, range >> 16);
	return 0;
}

static int store_port_range(const struct proc_node *node __maybe_unused, char *text)
{
	char *second = proc_trim(text);
	s64 first, last;

	while (*second && *second != ' ' && *second != '\t')
		second++;
	if (!*second)
		return -EINVAL;
	*second++ = '\0';
	if (parse_s64(proc_trim(text), &first) || parse_s64(proc_trim(second), &last) ||
	    first < 1 || last > UINT16_MAX || first > last)
		return -EINVAL;
	WRITE_ONCE(init_net.port_range, PORT_RANGE(first, last));
	return 0;
}

static const struct proc_entry ipv4_entries[] = {
	PROC_WRITABLE("ip_local_port_range", show_port_range, store_port_range),
};
const struct proc_dir proc_ipv4_dir = {.entries = ipv4_entries, .nr = ARRAY_SIZE(ipv4_entries)};
