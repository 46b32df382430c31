/*
 * Sockets: socket(7), unix(7). One family, AF_UNIX, in three types. socket.c has the system calls,
 * socket_unix.c names and connections, socket_io.c sending and receiving, socket_message.c messages
 * and the files in them, socket_room.c the limit of queued datagrams.
 *
 * A message is allocated and filled before any lock is taken, then queued at its receiver. Each
 * socket has its own lock. Only connect(2) holds two: the listener's, then the caller's. A socket
 * outlives its file, in state CLOSED, while its peer or messages that it sent refer to it.
 */
#pragma once

#include "kernel/fs/vfs.h"

#include <asm/socket.h>
#include <linux/socket.h>
#include <linux/un.h>

/* Names that the UAPI headers leave to the C library. */
#define AF_UNSPEC        0
#define AF_UNIX          1
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
#define MSG_CTRUNC       8
#define MSG_TRUNC        0x20
#define MSG_DONTWAIT     0x40
#define MSG_WAITALL      0x100
#define MSG_NOSIGNAL     0x4000
#define MSG_CMSG_CLOEXEC 0x40000000
#define STREAM_LINE      (PAGE_SIZE - 320) /* bytes of a stream's message outside of whole pages */
#define STREAM_PAGES     32768             /* and in whole pages: both as on Linux */
#define SCM_RIGHTS       1
#define SCM_CREDENTIALS  2
#define SCM_MAX_FD       253
#define SHUT_RECEIVE     1 /* bits of usock.shut; shutdown(2) counts from 0 */
#define SHUT_SEND        2
#define SHUT_BOTH        3

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

/* The name a socket is bound to: constant. */
struct unix_name {
	u32 len; /* as getsockname(2) returns it */
	struct sockaddr_un addr;
};

enum usock_state {
	SOCKET_NEW,
	SOCKET_LISTENS,
	SOCKET_CONNECTED, /* also a datagram socket with a peer */
	SOCKET_CLOSED,
};

struct usock {
	refcount_t count;  /* its file, its peer, messages it sent, its listener */
	struct mutex lock; /* LOCK_PIPE: all below without another mark */
	int type;          /* constant */
	enum usock_state state;
	u32 shut;           /* SHUT_*; read without the lock */
	int error;          /* what SO_ERROR returns, once */
	bool passcred;      /* SO_PASSCRED */
	u32 sndbuf, rcvbuf; /* plain words */
	atomic_t in_flight; /* charge of its unread messages */
	struct usock *peer; /* a reference. Datagrams: written under tell_lock too */
	struct ucred cred;  /* of its creator, or of its listen(2) */
	struct ucred peer_cred;
	struct list_head queue;      /* unread messages; emptiness is read without the lock */
	struct list_head backlog;    /* connections to accept; same */
	u32 backlog_nr, backlog_max; /* waiting connections or datagrams; read without the lock */
	struct list_head in_backlog; /* the listener's lock */
	struct wait_queue read_wait, write_wait;
	struct wait_queue room_wait; /* senders that found the datagram queue full */
	struct list_head to_tell; /* tell_lock: senders to wake when there is room, by tell_link */
	struct list_head tell_link; /* tell_lock: in the list of told_by */
	struct usock *told_by;      /* tell_lock; a reference, or NULL */
	struct unix_name *name;     /* bind_lock to set, once; NULL: not bound */
	struct dentry *place;       /* of a name in a file system; same; pinned */
	struct list_head bound;     /* bind_lock */
	struct file *file;          /* constant while open; no reference */
	/* collect_lock: */
	u32 held;                /* references of messages to the file */
	u32 outer;               /* while collecting: those from outside the queues of suspects */
	bool suspect;            /* while collecting */
	struct list_head flying; /* in the list while held > 0 */
	struct list_head cleared;
};

/* What travels with a message. */
struct scm {
	struct ucred cred;
	u32 nr;              /* files */
	struct file **files; /* references; NULL: none */
	struct user *user;   /* charged for files in flight; a reference, or NULL */
};

struct message {
	struct list_head link; /* the receiver's lock */
	struct usock *from;    /* a reference */
	struct scm scm;
	u32 charge;     /* in the sender's in_flight */
	size_t len, at; /* bytes, and those read already */
	char data[];
};

/* Sleep on `q` until cond. Drops the socket's lock meanwhile. */
#define usock_wait(s, q, nonblock, cond)                           \
	({                                                         \
		int __err = -EAGAIN;                               \
		if (!(nonblock)) {                                 \
			mutex_unlock(&(s)->lock);                  \
			__err = wait_event_interruptible(q, cond); \
			mutex_lock(&(s)->lock);                    \
		}                                                  \
		__err;                                             \
	})

static inline struct usock *usock_get(struct usock *s)
{
	refcount_inc(&s->count);
	return s;
}

/* ---- socket_unix.c ---- */
void unix_init(void);
struct usock *usock_create(int type); /* NULL without memory */
void usock_put(struct usock *s);      /* NULL is allowed */
SCOPED(usock_put, struct usock *)
void usock_close(struct usock *s); /* takes the reference */
void usock_pair(struct usock *a, struct usock *b);
struct ucred current_ucred(void);
/* The socket of this name and type. With a reference; ERR_PTR. */
struct usock *unix_find(const struct sockaddr_un *addr, u32 len, int type);
int unix_bind(struct usock *s, const struct sockaddr_un *addr, u32 len);
int unix_listen(struct usock *s, int backlog);
int unix_connect(struct usock *s, const struct sockaddr_un *addr, u32 len, bool nonblock);
/* A connection, with a reference; ERR_PTR. */
struct usock *unix_accept(struct usock *s, bool nonblock);
int unix_shutdown(struct usock *s, int how);
struct usock *unix_peer(struct usock *s); /* with a reference, or NULL */
/* The datagram socket `s` has left its peer `old`: drop unread messages. If there were any, `old`
 * gets an error if its peer is `s`. As on Linux. */
void unix_leave_peer(struct usock *s, struct usock *old);
void scm_free(struct scm *scm); /* socket_message.c */
/* ---- socket_io.c ---- */
/* `to`: the receiver; len 0: the peer. Takes the files in scm. Bytes, or -errno. */
ssize_t unix_send(struct usock *s, struct uio *io, const struct sockaddr_un *to, u32 len,
		  struct scm *scm, u32 flags);
/* What a read returns beside the bytes. */
struct received {
	struct scm scm;
	struct usock *from; /* a reference, or NULL */
	u32 flags;          /* MSG_TRUNC */
};
static inline void scoped_received(struct received *r)
{
	scm_free(&r->scm);
	usock_put(r->from);
}
ssize_t unix_receive(struct usock *s, struct uio *io, u32 flags, struct received *r);
u32 unix_poll(struct file *f, struct poll_table *pt);
size_t unix_waiting(struct usock *s); /* bytes: FIONREAD */

/* ---- socket_room.c ---- */
extern u64 unix_max_dgrams; /* net.unix.max_dgram_qlen, for new sockets */
/* Returns the old peer, with its reference. `s` is locked. */
struct usock *unix_set_peer(struct usock *s, struct usock *peer);
/* Returns 1: `s` may queue a message at `to`; 0: it has waited, and anything may have changed;
 * -EAGAIN, -ERESTARTSYS. `to` is locked. */
int unix_wait_for_room(struct usock *s, struct usock *to, bool nonblock);
/* For poll: whether the peer takes a message now. If not, s->write_wait is woken when it does. */
bool unix_peer_has_room(struct usock *s);
void unix_forget_room(struct usock *s); /* the peer has changed, or `s` is closed */
/* A message was taken. No lock is held. */
void unix_made_room(struct usock *to);
void unix_room_for_all(struct usock *to); /* the queue was emptied, or takes no more messages */

extern u64 socket_max_backlog; /* net.core.somaxconn: socket_unix.c */

/* ---- socket.c ---- */
struct usock *file_socket(const struct file *f); /* NULL: not a socket */

/* ---- socket_collect.c: no lock is held ---- */
void scm_hold(struct file *f);      /* a message holds the file now */
void scm_release(struct scm *scm);  /* the message was received, or is freed */
void scm_wait_for_collection(void); /* before copies of its files are used */
void unix_collect(void);            /* free the messages that no task can read */

/* ---- socket_message.c ---- */
struct message *message_create(struct usock *from, struct uio *io, size_t n); /* ERR_PTR */
void message_free(struct message *m);                       /* with any lock held */
void free_messages(struct list_head *unread);               /* empties the list; no lock is held */
int scm_copy_files(struct scm *to, const struct scm *from); /* for MSG_PEEK */
/* Read the control messages of a sendmsg(2). */
int scm_import(struct scm *scm, const struct msghdr *msg);
/* Write those of a recvmsg(2): files become descriptors. Updates msg_controllen and msg_flags. */
void scm_export(struct scm *scm, struct msghdr *msg, bool passcred, bool cloexec);
