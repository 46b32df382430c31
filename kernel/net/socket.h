/*
 * Sockets: socket(7), unix(7). One family, AF_UNIX, in three types. socket.c has the system calls,
 * socket_unix.c what a socket is, socket_io.c what goes through it, socket_message.c messages and
 * what travels with them, socket_room.c how many of them wait.
 *
 * A message is allocated and filled before any lock is taken, then put into the queue of who is to
 * read it. Each socket has a lock of its own; two are held at once only by connect(2): the
 * listener's, then the caller's. A socket outlives its file while its peer, or messages it sent,
 * refer to it; then it is CLOSED.
 */
#pragma once

#include "kernel/fs/vfs.h"

#include <asm/socket.h>
#include <linux/socket.h>
#include <linux/un.h>

/* Names that the UAPI headers keep for the C library. */
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
#define STREAM_LINE      (PAGE_SIZE - 320) /* bytes of a stream's message beside whole pages */
#define STREAM_PAGES     32768             /* and in whole pages: both as Linux has them */
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
	size_t cmsg_len; /* with this header */
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

/* A name a socket is bound to: constant. */
struct unix_name {
	u32 len; /* as getsockname(2) tells it */
	struct sockaddr_un addr;
};

enum usock_state {
	SOCKET_NEW,
	SOCKET_LISTENS,
	SOCKET_CONNECTED, /* also a datagram socket that has a peer */
	SOCKET_CLOSED,
};

struct usock {
	refcount_t count;  /* its file, who has it as peer, messages it sent, a listener */
	struct mutex lock; /* LOCK_PIPE: all below that says nothing else */
	int type;          /* constant */
	enum usock_state state;
	u32 shut;           /* SHUT_*; read by anybody */
	int error;          /* what SO_ERROR tells, once */
	bool passcred;      /* SO_PASSCRED */
	u32 sndbuf, rcvbuf; /* plain words */
	atomic_t in_flight; /* what its messages that nobody has read yet take */
	struct usock *peer; /* a reference. Datagrams: tell_lock too, either of them to read */
	struct ucred cred;  /* of who made it, or listens with it */
	struct ucred peer_cred;
	struct list_head queue;      /* messages to read; whether it is empty is read by anybody */
	struct list_head backlog;    /* connections to accept; same */
	u32 backlog_nr, backlog_max; /* connections, or datagrams, that wait; read by anybody */
	struct list_head in_backlog; /* the listener's lock */
	struct wait_queue read_wait, write_wait;
	struct wait_queue room_wait; /* senders to a full queue of datagrams */
	struct list_head to_tell;    /* tell_lock: senders that poll, by tell_link */
	struct list_head tell_link;  /* tell_lock: in the list of told_by */
	struct usock *told_by;       /* tell_lock; a reference, or NULL */
	struct unix_name *name;      /* bind_lock to set, once; NULL: not bound */
	struct dentry *place;        /* of a name in a file system; same. Pinned */
	struct list_head bound;      /* bind_lock */
	struct file *file;           /* constant while it is open; no reference */
	/* collect_lock: */
	u32 held;                /* references that messages have to the file */
	u32 outer;               /* while collecting: those in no queue of a suspect */
	bool suspect;            /* while collecting */
	struct list_head flying; /* when held is not 0 */
	struct list_head cleared;
};

/* What travels with a message. */
struct scm {
	struct ucred cred;
	u32 nr;              /* files */
	struct file **files; /* references; NULL: none */
	struct user *user; /* charged for them while they are on their way; a reference, or NULL */
};

struct message {
	struct list_head link; /* the receiver's lock */
	struct usock *from;    /* a reference */
	struct scm scm;
	u32 charge;     /* in the sender's in_flight */
	size_t len, at; /* bytes, and how many have been read */
	char data[];
};

/* Sleep on `q` unless cond; the socket's lock is let go of meanwhile. */
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
void usock_close(struct usock *s); /* takes over the reference */
void usock_pair(struct usock *a, struct usock *b);
struct ucred current_ucred(void);
/* Who has this name, if of that type. With a reference; ERR_PTR. */
struct usock *unix_find(const struct sockaddr_un *addr, u32 len, int type);
int unix_bind(struct usock *s, const struct sockaddr_un *addr, u32 len);
int unix_listen(struct usock *s, int backlog);
int unix_connect(struct usock *s, const struct sockaddr_un *addr, u32 len, bool nonblock);
/* A connection, with a reference; ERR_PTR. */
struct usock *unix_accept(struct usock *s, bool nonblock);
int unix_shutdown(struct usock *s, int how);
struct usock *unix_peer(struct usock *s); /* with a reference, or NULL */
/* A datagram socket does not talk to `old` any more: what it got and has not read is lost, and then
 * `old` gets an error if it talks to `s` alone. As on Linux. */
void unix_leave_peer(struct usock *s, struct usock *old);
void scm_free(struct scm *scm); /* socket_message.c */
/* ---- socket_io.c ---- */
/* `to` (NULL len 0: the peer). Takes what is in scm. Bytes, or -errno. */
ssize_t unix_send(struct usock *s, struct uio *io, const struct sockaddr_un *to, u32 len,
		  struct scm *scm, u32 flags);
/* What a read found beside the bytes. */
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
u32 unix_poll(struct usock *s, struct poll_table *pt);
size_t unix_waiting(struct usock *s); /* bytes: FIONREAD */

/* ---- socket_room.c ---- */
extern u64 unix_max_dgrams; /* net.unix.max_dgram_qlen: of sockets that are made from now on */
/* `s` is locked. What it had for a peer, with the reference. */
struct usock *unix_set_peer(struct usock *s, struct usock *peer);
/* `to` is locked. 1: `s` may queue a message there. 0: it has waited, and everything may have
 * changed. -EAGAIN, -ERESTARTSYS. */
int unix_wait_for_room(struct usock *s, struct usock *to, bool nonblock);
/* For poll: whether a message to the peer would be queued at once; if not, the wake-up of
 * s->write_wait is sure. */
bool unix_peer_has_room(struct usock *s);
void unix_forget_room(struct usock *s); /* the peer is another, or `s` is closed */
/* No lock is held. A message was taken; all of them were, or none is wanted any more. */
void unix_made_room(struct usock *to);
void unix_room_for_all(struct usock *to);

extern u64 socket_max_backlog; /* net.core.somaxconn: socket_unix.c */

/* ---- socket.c ---- */
struct usock *file_socket(const struct file *f); /* NULL: it is none */

/* ---- socket_collect.c: no lock is held ---- */
void scm_hold(struct file *f);      /* a message comes to hold it */
void scm_release(struct scm *scm);  /* it has arrived, or is about to be freed */
void scm_wait_for_collection(void); /* before copies of a message's files are used */
void unix_collect(void);            /* free the messages that no task can come to read */

/* ---- socket_message.c ---- */
struct message *message_create(struct usock *from, struct uio *io, size_t n); /* ERR_PTR */
void message_free(struct message *m);                       /* any lock may be held */
void free_messages(struct list_head *unread);               /* all of the list; no lock is held */
int scm_copy_files(struct scm *to, const struct scm *from); /* for MSG_PEEK */
/* The control messages of a sendmsg(2). */
int scm_import(struct scm *scm, const struct msghdr *msg);
/* And of a recvmsg(2): files become descriptors. Updates msg_controllen and msg_flags. */
void scm_export(struct scm *scm, struct msghdr *msg, bool passcred, bool cloexec);
