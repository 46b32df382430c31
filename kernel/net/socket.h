/*
 * Sockets of every family: socket(7). socket.c has them as files and the system calls that make and
 * connect them, socket_message.c those that send and receive, socket_options.c SOL_SOCKET.
 *
 * A family embeds struct socket in its own structure and registers a table of operations. What a
 * system call copies from and to its caller is done before and after them.
 */
#pragma once

#include "kernel/fs/vfs.h"
#include "kernel/time/timer.h"

#include <asm/socket.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/netlink.h>
#include <linux/socket.h>
#include <linux/un.h>

/* Names that the UAPI headers leave to the C library. */
#define AF_UNSPEC        0
#define AF_UNIX          1
#define AF_INET          2
#define AF_INET6         10
#define AF_NETLINK       16
#define SOCK_STREAM      1
#define SOCK_DGRAM       2
#define SOCK_RAW         3
#define SOCK_SEQPACKET   5
#define SOCK_MAX         11
#define SOCK_TYPE_MASK   0xf
#define SOCK_CLOEXEC     O_CLOEXEC
#define SOCK_NONBLOCK    O_NONBLOCK
#define MSG_OOB          1
#define MSG_PEEK         2
#define MSG_DONTROUTE    4
#define MSG_CTRUNC       8
#define MSG_TRUNC        0x20
#define MSG_DONTWAIT     0x40
#define MSG_WAITALL      0x100
#define MSG_ERRQUEUE     0x2000
#define MSG_NOSIGNAL     0x4000
#define MSG_MORE         0x8000
#define MSG_WAITFORONE   0x10000
#define MSG_CMSG_CLOEXEC 0x40000000
#define SHUT_RECEIVE     1 /* bits of a socket's state; shutdown(2) counts from 0 */
#define SHUT_SEND        2
#define SHUT_BOTH        3

#define BUFFER_DEFAULT 212992 /* net.core.wmem_default */
#define BUFFER_LEAST   2304
#define CONTROL_MAX    20480 /* bytes of control messages per sendmsg: Linux's optmem_max */

#define OPTION_SIZE 256 /* the largest value that getsockopt(2) returns */

#define CMSG_ALIGN(n) (((n) + sizeof(size_t) - 1) & ~(sizeof(size_t) - 1))
#define CMSG_LEN(n)   (sizeof(struct cmsghdr) + (n))

struct ucred {
	u32 pid;
	u32 uid;
	u32 gid;
};

struct cmsghdr {
	size_t cmsg_len; /* including this header */
	int cmsg_level;
	int cmsg_type;
};

struct msghdr {
	void __user *msg_name;
	int msg_namelen;
	struct iovec __user *msg_iov;
	size_t msg_iovlen;
	void __user *msg_control;
	size_t msg_controllen;
	unsigned int msg_flags;
};

struct mmsghdr {
	struct msghdr msg_hdr;
	unsigned int msg_len;
};

union address {
	u16 family;
	struct sockaddr_un un;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_nl nl;
	struct __kernel_sockaddr_storage any;
};

/* What a message is sent with. */
struct outgoing {
	const union address *to;  /* valid if len > 0 */
	u32 len;                  /* 0: to the peer */
	u32 flags;                /* MSG_*; MSG_DONTWAIT also for O_NONBLOCK */
	const struct msghdr *msg; /* its control messages; NULL: none */
};

/* What a read returns beside the bytes. */
struct incoming {
	u32 flags;           /* MSG_*, as in struct outgoing */
	u32 got;             /* MSG_* for msg_flags */
	union address *name; /* NULL: the sender is not asked for */
	u32 len;             /* of the name; 0: none */
	struct msghdr *msg;  /* put_cmsg() writes there; NULL: no control messages wanted */
	size_t control_left; /* room there */
};

struct socket;

/* All sockets of one kind, for /proc/net. */
struct socket_list {
	spinlock_t lock; /* LOCK_SOCKET_LIST */
	struct list_head all;
};
#define SOCKET_LIST_INIT(name)                                                              \
	{                                                                                   \
		.lock = SPINLOCK_INIT(LOCK_SOCKET_LIST), .all = LIST_HEAD_INIT((name).all), \
	}

enum name_of {
	NAME_OWN,
	NAME_PEER,
	NAME_CALLER, /* the peer of a connection that was just accepted, even if it is closed */
};

/* An operation that waits does so until a monotonic time; 0: it does not wait. */
struct socket_ops {
	int (*bind)(struct socket *s, const union address *addr, u32 len);
	int (*listen)(struct socket *s, int backlog);
	int (*connect)(struct socket *s, const union address *addr, u32 len, u64 until);
	struct socket *(*accept)(struct socket *s, u64 until); /* ERR_PTR */
	/* Write the name. The length, or -errno. */
	int (*name)(struct socket *s, union address *to, enum name_of which);
	int (*shutdown)(struct socket *s, u32 how); /* SHUT_* bits */
	/* Bytes, or -errno. `io` may be empty. */
	ssize_t (*send)(struct socket *s, struct uio *io, const struct outgoing *out);
	ssize_t (*receive)(struct socket *s, struct uio *io, struct incoming *in);
	u32 (*poll)(struct socket *s, struct poll_table *pt);
	long (*ioctl)(struct socket *s, unsigned int cmd, unsigned long arg); /* -ENOTTY: unknown */
	int (*pair)(struct socket *a, struct socket *b); /* NULL: -EOPNOTSUPP */
	/* Options of other levels than SOL_SOCKET: 0, or for get_option the bytes written to `to`,
	 * at most OPTION_SIZE (the caller takes `room` of them); -errno. NULL: -EOPNOTSUPP. */
	int (*set_option)(struct socket *s, int level, int name, const void __user *value, u32 len);
	int (*get_option)(struct socket *s, int level, int name, void *to, u32 room);
	void (*buffers_changed)(struct socket *s); /* SO_SNDBUF or SO_RCVBUF was set */
	/* SO_PEERCRED; SO_PEERGROUPS, with a reference or NULL. NULL: the peer is not known. */
	void (*peer_cred)(struct socket *s, struct ucred *to);
	struct cred *(*peer_groups)(struct socket *s);
	void (*close)(struct socket *s); /* the file is released: drop its reference */
	struct socket_list *list;
};

/* Plain words, each with the meaning of its SO_ name in socket(7). */
struct socket_options {
	u64 bits;                /* of the options that are on or off: by SO_BIT() */
	u64 receive_ns, send_ns; /* SO_RCVTIMEO, SO_SNDTIMEO; 0: none */
	u32 sndbuf, rcvbuf;      /* doubled, as getsockopt(2) shows them */
	int rcvlowat, priority, mark, peek_off;
	u32 linger; /* seconds; only with SO_LINGER in `bits` */
};
#define SO_BIT(name) (1UL << (name))

struct socket {
	const struct socket_ops *ops; /* constant, as the next three */
	u16 family, type, protocol;
	bool listens;            /* SO_ACCEPTCONN; a plain word */
	bool marker;             /* no socket: a place in the list. Constant, as the next */
	uid_t uid;               /* of its creator */
	u64 ino;                 /* of its file; 0: it was not accepted yet */
	struct list_head listed; /* ops->list->lock */
	int error;               /* what SO_ERROR returns, once: socket_set_error() */
	struct file *file;       /* constant while open; no reference */
	struct socket_options opt;
};

static inline bool socket_option(const struct socket *s, int name)
{
	return READ_ONCE(s->opt.bits) & SO_BIT(name);
}

static inline void socket_set_error(struct socket *s, int error)
{
	__atomic_store_n(&s->error, error, __ATOMIC_RELEASE);
}

/* The pending error, which is none afterwards: 0 or -errno. */
static inline int socket_take_error(struct socket *s)
{
	return READ_ONCE(s->error) ? -__atomic_exchange_n(&s->error, 0, __ATOMIC_ACQ_REL) : 0;
}

/* Until when a call waits that has this time-out. */
static inline u64 socket_until(u64 timeout, bool nonblock)
{
	return nonblock ? 0 : timeout ? ktime_get() + timeout : TIME_FOREVER;
}
static inline u64 send_until(const struct socket *s, u32 flags)
{
	return socket_until(READ_ONCE(s->opt.send_ns), flags & MSG_DONTWAIT);
}
static inline u64 receive_until(const struct socket *s, u32 flags)
{
	return socket_until(READ_ONCE(s->opt.receive_ns), flags & MSG_DONTWAIT);
}

/* Sleep on `q` until cond: 0; -EAGAIN when it is too late; for a signal -ERESTARTSYS or, with a
 * time-out, -EINTR. */
#define socket_wait(q, until, cond)                                                              \
	({                                                                                       \
		int __err = -EAGAIN;                                                             \
		if (until)                                                                       \
			__err = wait_loop(q, TASK_INTERRUPTIBLE, cond,                           \
					  signal_pending(current) || ((until) != TIME_FOREVER && \
								      ktime_get() >= (until)),   \
					  schedule_until(until))                                 \
					? 0                                                      \
				: !signal_pending(current) ? -EAGAIN                             \
				: (until) == TIME_FOREVER  ? -ERESTARTSYS                        \
							   : -EINTR;                              \
		__err;                                                                           \
	})

/* The same without the mutex, which the caller holds. */
#define socket_wait_unlocked(mutex, q, until, cond)     \
	({                                              \
		int __result;                           \
		mutex_unlock(mutex);                    \
		__result = socket_wait(q, until, cond); \
		mutex_lock(mutex);                      \
		__result;                               \
	})

/* ---- socket.c ---- */
struct socket *file_socket(const struct file *f); /* NULL: not a socket */
/* Set what all families have in common. */
void socket_setup(struct socket *s, const struct socket_ops *ops, int family, int type,
		  int protocol);
void socket_gone(struct socket *s); /* before it is freed */
/* Call fn for each socket, under the list's lock, which is dropped now and then. */
void sockets_each(struct socket_list *list, void (*fn)(struct socket *s, void *arg), void *arg);
extern struct socket_list unix_sockets, tcp_sockets, udp_sockets;
/* The socket of a descriptor, with a reference to its file. ERR_PTR. */
struct socket *get_socket(int fd);
void put_socket(struct socket *s);
SCOPED(put_socket, struct socket *)
int get_address(union address *addr, const void __user *from, int len);
/* Copy a name of `len` bytes to `to`, which has *ulen bytes. *ulen becomes `len`. */
int put_address(const union address *addr, u32 len, void __user *to, int __user *ulen);
struct ucred current_ucred(void);
extern u64 socket_max_backlog; /* net.core.somaxconn */

/* ---- socket_message.c ---- */
ssize_t socket_read(struct file *f, struct uio *io, u64 *pos);
ssize_t socket_write(struct file *f, struct uio *io, u64 *pos);
/* Copy the control messages of a sendmsg(2), which is not too long, and check their lengths. Calls
 * fn for each with its data; stops at an error. */
int each_cmsg(const struct msghdr *msg,
	      int (*fn)(void *arg, const struct cmsghdr *h, const void *data, size_t len),
	      void *arg);
/* Write one control message, shortened (MSG_CTRUNC) to the room left. */
void put_cmsg(struct incoming *in, int level, int type, const void *data, size_t len);
/* The control message of SO_TIMESTAMP and SO_TIMESTAMPNS, if one is on. `at`: time of day. */
void put_timestamp(const struct socket *s, struct incoming *in, u64 at);
static inline bool wants_timestamp(const struct socket *s)
{
	return READ_ONCE(s->opt.bits) & (SO_BIT(SO_TIMESTAMP_OLD) | SO_BIT(SO_TIMESTAMPNS_OLD));
}

long interface_ioctl(unsigned int cmd, unsigned long arg); /* interface.c. -ENOTTY: unknown */

/* ---- the families ---- */
/* Check type and protocol, and make a socket. ERR_PTR. */
struct socket *unix_create(int type, int protocol);
void unix_init(void);
struct socket *inet_create(int family, int type, int protocol);
void inet_init(void);
struct socket *netlink_create(int type, int protocol);
void unix_collect(void);    /* unix_collect.c: free the messages that no task can read */
extern u64 unix_max_dgrams; /* net.unix.max_dgram_qlen, for new sockets: unix_room.c */
