/*
 * AF_INET and AF_INET6 between the sockets of this machine: ip(7), ipv6(7), tcp(7), udp(7). There
 * are no packets on a wire: what one socket sends is queued at the other one at once, so nothing is
 * lost, late or sent twice. Addresses are those of the one interface, lo: 127.0.0.0/8 and ::1.
 *
 * An IPv4 address is kept as an IPv6 one, mapped (::ffff:a.b.c.d), whatever the socket's family.
 *
 * Each socket has its own lock. Two are held only to connect: the listener's, then the caller's.
 * The fields of the peer are changed under the peer's lock alone, so the end of a connection is
 * told to each side in turn, as packets would.
 */
#pragma once

#include "kernel/lib/random.h"
#include "kernel/net/socket.h"

#include <linux/tcp.h>

#define htons(x) __builtin_bswap16(x)
#define ntohs(x) __builtin_bswap16(x)
#define htonl(x) __builtin_bswap32(x)
#define ntohl(x) __builtin_bswap32(x)

#define LO_MTU      65536
#define UDP_MOST    65507 /* bytes of a datagram */
#define IS_LOOPBACK 127   /* the first byte of lo's IPv4 addresses */

/* As TCP_INFO and /proc/net/tcp number them. */
enum tcp_state {
	TCP_ESTABLISHED = 1,
	TCP_SYN_SENT,
	TCP_SYN_RECV,
	TCP_FIN_WAIT1,
	TCP_FIN_WAIT2,
	TCP_TIME_WAIT,
	TCP_CLOSE,
	TCP_CLOSE_WAIT,
	TCP_LAST_ACK,
	TCP_LISTEN,
};

struct endpoint {
	struct in6_addr ip;
	u16 port; /* host order; 0: none */
};

/* ---- ports ---- */

#define PORT_CHAINS             256
#define PORT_SHARERS            1024 /* claims on one port at most */
#define TIME_WAITS              512
#define TIME_WAIT_NS            (60 * NSEC_PER_SEC)
#define FIRST_ANYBODY           1024 /* lower ports are root's */
#define PORT_RANGE(first, last) ((u64)(first) | (u64)(last) << 16)
#define MAX_GROUPS              20 /* of one socket: net.ipv4.igmp_max_memberships */

/* What keeps a port: a socket that was bound, or a listener with its connections. */
struct claim {
	struct list_head link; /* ports.lock, as all below */
	u32 users;             /* sockets that hold it */
	struct endpoint at;    /* constant, as the next five */
	bool ipv6, v6only;
	bool reuse_address, reuse_port;
	uid_t uid;
	bool listens;
	bool time_wait;         /* a connection was closed from this side first */
	struct endpoint from;   /* UDP: the peer whose datagrams alone it takes; port 0: all */
	struct isock *receiver; /* of what comes to the port; NULL: none */
};

/* A port that was closed first, and cannot be bound again for a while. */
struct time_wait {
	struct claim was;
	u64 until;
};

/* The ports of one protocol. */
struct ports {
	spinlock_t lock; /* LOCK_PORTS */
	struct list_head chains[PORT_CHAINS];
	struct time_wait waits[TIME_WAITS]; /* a ring */
	u32 next_wait;
	u32 used; /* claims, for /proc/net/sockstat */
};

/* What a network namespace would own. */
struct net {
	struct ports tcp, udp;
	u64 port_range; /* net.ipv4.ip_local_port_range: a plain word, PORT_RANGE() */
};
extern struct net init_net;

/* ---- sockets ---- */

/* What options of the levels IP and IPV6 set; plain words but for the groups. */
struct ip_options {
	u64 bits, bits6; /* of those that are on or off: IP_BIT() of the IP_ or IPV6_ name */
	int tos, ttl, multicast_ttl, mtu_discover;
	int tclass, hops, multicast_hops, mtu_discover6;
	int multicast_if; /* 1: lo was chosen */
	u32 nr_groups;
	struct in6_addr *groups; /* joined; NULL: never any. The socket's lock */
};

/* Options of TCP; plain words. */
struct tcp_options {
	u64 bits; /* 1 << TCP_ name, of those that are on or off */
	int maxseg, keepidle, keepintvl, keepcnt, syncnt, linger2, defer_accept;
	int window_clamp, user_timeout, notsent_lowat;
};

struct isock {
	struct socket base;
	refcount_t count;          /* its file, its peer, its listener, its claim's finder */
	struct mutex lock;         /* LOCK_PIPE: all below without another mark */
	struct net *net;           /* constant */
	struct claim *claim;       /* NULL: not bound */
	bool bound_ip, bound_port; /* by bind(2), not by the way */
	struct endpoint local, remote;
	u32 shut;               /* SHUT_*; read without the lock */
	struct list_head queue; /* unread packets */
	u32 charge;             /* of these, of datagrams */
	u32 bytes;              /* readable; same */
	struct wait_queue read_wait, write_wait;
	struct ip_options ip;
	/* TCP: */
	enum tcp_state state;   /* read without the lock */
	bool fin;               /* the peer has sent all */
	bool time_wait;         /* this side has closed first */
	bool connecting;        /* connect(2) has not told yet how it went */
	struct isock *peer;     /* a reference; compared without the lock */
	u32 window;             /* the peer's SO_RCVBUF; a plain word */
	atomic_t outstanding;   /* charge of what it sent and the peer has not read */
	struct packet *urgent;  /* in the queue, or NULL */
	bool urgent_unread;     /* its byte; read without the lock */
	struct isock *embryo;   /* what will be accepted when the listener has room; a reference */
	struct isock *listener; /* in whose list of callers it is; a reference. Its lock, too */
	struct tcp_options tcp;
	/* a listener: */
	struct list_head
		backlog; /* connections to accept, by in_backlog; emptiness is read freely */
	struct list_head callers; /* sockets in SYN_SENT that found it full, by in_backlog */
	u32 backlog_nr, backlog_max;
	struct list_head in_backlog; /* the listener's lock */
};

/* Bytes on their way: a piece of a stream, or a datagram. */
struct packet {
	struct list_head link; /* the receiver's lock */
	struct user *user;     /* charged for it; a reference */
	u32 len, at;           /* bytes, and those read already */
	u32 charge;            /* at the receiver */
	bool urgent;
	bool counted; /* among the receiver's readable bytes: no urgent byte beside the stream */
	int tos;
	u64 stamp;            /* time of day; 0: not asked for */
	struct endpoint from; /* datagrams */
	struct in6_addr to;   /* same */
	char data[];
};

static inline struct isock *isock_of(struct socket *s)
{
	return container_of(s, struct isock, base);
}

static inline struct isock *isock_get(struct isock *s)
{
	refcount_inc(&s->count);
	return s;
}

/* ---- inet.c ---- */
struct isock *isock_create(int family, int type, int protocol); /* NULL without memory */
void isock_put(struct isock *s);                                /* NULL is allowed */
SCOPED(isock_put, struct isock *)
extern const struct socket_ops tcp_ops, udp_ops;
struct ports *ports_of(struct isock *s);
int inet_bind(struct socket *base, const union address *addr, u32 len);
/* Bind to a port of the system's choice, if not bound. The lock is held. */
int inet_autobind(struct isock *s);
void inet_unbind(struct isock *s); /* keeps what bind(2) has set. The lock is held */
int inet_name(struct socket *base, union address *to, enum name_of which);

/* ---- inet_address.c ---- */
extern const struct in6_addr in6_any, in6_loopback;
static inline bool same_ip(const struct in6_addr *a, const struct in6_addr *b)
{
	return !memcmp(a, b, sizeof(*a));
}
static inline bool same_endpoint(const struct endpoint *a, const struct endpoint *b)
{
	return a->port == b->port && same_ip(&a->ip, &b->ip);
}
struct in6_addr mapped(u32 ipv4); /* host order */
bool ip_is_v4(const struct in6_addr *ip);
u32 ip_v4(const struct in6_addr *ip); /* host order */
bool ip_is_any(const struct in6_addr *ip);
bool ip_is_local(const struct in6_addr *ip); /* lo has it */
bool ip_is_multicast(const struct in6_addr *ip);
bool ip_is_broadcast(const struct in6_addr *ip);
/* Read the address of a system call for this socket: 0, -EINVAL, -EAFNOSUPPORT. */
int read_endpoint(const struct isock *s, struct endpoint *e, const union address *addr, u32 len);
/* Write it as the socket's family has it. The length. */
u32 write_endpoint(const struct isock *s, const struct endpoint *e, union address *to);
/* Set the address to which one connects or sends: any becomes the loopback address. 0;
 * -ENETUNREACH, also if the socket's own address is not of this machine; -EINVAL if it is of the
 * other kind. */
int route_to(const struct isock *s, struct endpoint *to);
bool may_send_from(const struct in6_addr *ip);
/* The socket's own address towards `to`. */
struct in6_addr source_for(const struct isock *s, const struct in6_addr *to);

/* ---- ports.c ---- */
void ports_init(void);
/* Claim a port, 0: one of the system's choice, for `s`, which has no claim. Sets s->claim and the
 * port in s->local. `by_hand`: by bind(2), which gets no port in TIME_WAIT. 0, -EADDRINUSE,
 * -ENOMEM. */
int port_claim(struct isock *s, const struct endpoint *at, bool by_hand);
struct claim *port_share(struct isock *s); /* the same claim, for another socket */
void port_release(struct isock *s);        /* if it has a claim */
int port_listen(struct isock *s);          /* it receives from now on: 0 or -EADDRINUSE */
void port_unlisten(struct isock *s);
/* UDP: receive, from all or, `from` not NULL, from this peer only. */
void port_receive(struct isock *s, const struct endpoint *from);
/* The socket that gets what is sent `from` there `to` here, two addresses that stay as they are
 * meanwhile. With a reference, or NULL. */
struct isock *port_find(struct ports *p, const struct endpoint *from, const struct endpoint *to);
/* Call fn for each receiver at this port, at most `max`, with a reference that fn drops. */
void port_each(struct ports *p, u16 port, void (*fn)(struct isock *s, void *arg), void *arg);

/* ---- packet.c ---- */
/* Filled from `io`, and charged to current's user. ERR_PTR: -ENOBUFS, -EFAULT. */
struct packet *packet_create(struct uio *io, size_t n);
void packet_free(struct packet *p);
void packets_free(struct list_head *list);

/* ---- tcp.c, tcp_io.c ---- */
/* The peer sends no more; it sends a reset. No lock is held. */
void tcp_fin_received(struct isock *s);
void tcp_reset(struct isock *s);
ssize_t tcp_send(struct socket *base, struct uio *io, const struct outgoing *out);
ssize_t tcp_receive(struct socket *base, struct uio *io, struct incoming *in);
u32 tcp_poll(struct socket *base, struct poll_table *pt);
long tcp_ioctl(struct socket *base, unsigned int cmd, unsigned long arg);

/* ---- inet_options.c ---- */
#define IP_BIT(name) (1UL << ((name)&63))
static inline bool v6_only(const struct isock *s)
{
	return READ_ONCE(s->ip.bits6) & IP_BIT(IPV6_V6ONLY);
}
void inet_options_init(struct isock *s); /* the defaults */
int inet_set_option(struct socket *base, int level, int name, const void __user *value, u32 len);
int inet_get_option(struct socket *base, int level, int name, void *to, u32 room);
bool inet_joined(struct isock *s, const struct in6_addr *group);
/* The control messages that the reader of a datagram has asked for. */
void inet_put_control(struct isock *s, const struct packet *p, struct incoming *in);
