/*
 * AF_UNIX sockets, of three types: unix(7). unix.c has names and connections, unix_io.c sending and
 * receiving, unix_message.c messages and the files in them, unix_room.c the limit of queued
 * datagrams.
 *
 * A message is allocated and filled before any lock is taken, then queued at its receiver. Each
 * socket has its own lock. Only connect(2) holds two: the listener's, then the caller's. A socket
 * outlives its file, in state CLOSED, while its peer or messages that it sent refer to it.
 */
#pragma once

#include "kernel/net/socket.h"

#define STREAM_LINE     (PAGE_SIZE - 320) /* bytes of a stream's message outside of whole pages */
#define STREAM_PAGES    32768             /* and in whole pages: both as on Linux */
#define SCM_RIGHTS      1
#define SCM_CREDENTIALS 2
#define SCM_MAX_FD      253

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
	struct socket base;
	refcount_t count;  /* its file, its peer, messages it sent, its listener */
	struct mutex lock; /* LOCK_PIPE: all below without another mark */
	enum usock_state state;
	u32 shut;           /* SHUT_*; read without the lock */
	atomic_t in_flight; /* charge of its unread messages */
	struct usock *peer; /* a reference. Datagrams: written under tell_lock too */
	struct ucred cred;  /* of its creator, or of its listen(2) */
	struct ucred peer_cred;
	struct cred *groups; /* SO_PEERGROUPS of its connections: set by listen(2); a reference, or
				NULL */
	struct cred *peer_groups;    /* a reference, or NULL */
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
	u64 stamp;      /* time of day at which it was sent; 0: not asked for */
	size_t len, at; /* bytes, and those read already */
	char data[];
};

static inline struct usock *usock_of(struct socket *s)
{
	return container_of(s, struct usock, base);
}

static inline struct usock *usock_get(struct usock *s)
{
	refcount_inc(&s->count);
	return s;
}

/* ---- unix.c ---- */
struct usock *usock_create(int type); /* NULL without memory */
void usock_put(struct usock *s);      /* NULL is allowed */
SCOPED(usock_put, struct usock *)
/* The socket of this name and type. With a reference; ERR_PTR. */
struct usock *unix_find(const struct sockaddr_un *addr, u32 len, int type);
struct usock *unix_peer(struct usock *s); /* with a reference, or NULL */
/* The datagram socket `s` has left its peer `old`: drop unread messages. If there were any, `old`
 * gets an error if its peer is `s`. As on Linux. */
void unix_leave_peer(struct usock *s, struct usock *old);

/* ---- unix_io.c ---- */
ssize_t unix_send(struct socket *base, struct uio *io, const struct outgoing *out);
ssize_t unix_receive(struct socket *base, struct uio *io, struct incoming *in);
u32 unix_poll(struct socket *base, struct poll_table *pt);
long unix_ioctl(struct socket *base, unsigned int cmd, unsigned long arg);
/* Write the name to `to`. Its length. */
u32 unix_write_name(const struct unix_name *n, union address *to);

/* ---- unix_room.c ---- */
/* Returns the old peer, with its reference. `s` is locked. */
struct usock *unix_set_peer(struct usock *s, struct usock *peer);
/* Returns 1: `s` may queue a message at `to`; 0: it has waited, and anything may have changed;
 * -errno as of socket_wait(). `to` is locked. */
int unix_wait_for_room(struct usock *s, struct usock *to, u64 until);
/* For poll: whether the peer takes a message now. If not, s->write_wait is woken when it does. */
bool unix_peer_has_room(struct usock *s);
void unix_forget_room(struct usock *s); /* the peer has changed, or `s` is closed */
/* A message was taken. No lock is held. */
void unix_made_room(struct usock *to);
void unix_room_for_all(struct usock *to); /* the queue was emptied, or takes no more messages */

/* ---- unix_collect.c: no lock is held ---- */
struct usock *file_usock(const struct file *f); /* NULL: not a socket of AF_UNIX */
void scm_hold(struct file *f);                  /* a message holds the file now */
void scm_release(struct scm *scm);              /* the message was received, or is freed */
void scm_wait_for_collection(void);             /* before copies of its files are used */

/* ---- unix_message.c ---- */
struct message *message_create(struct usock *from, struct uio *io, size_t n); /* ERR_PTR */
void message_free(struct message *m);                       /* with any lock held */
void free_messages(struct list_head *unread);               /* empties the list; no lock is held */
int scm_copy_files(struct scm *to, const struct scm *from); /* for MSG_PEEK */
void scm_free(struct scm *scm);
/* Read the control messages of a sendmsg(2). */
int scm_import(struct scm *scm, const struct msghdr *msg);
/* Write those of a recvmsg(2): files become descriptors. */
void scm_export(struct scm *scm, struct incoming *in, bool passcred);
