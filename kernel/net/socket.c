/* Sockets as files, and the system calls from socket(2) on. */
#include "kernel/net/socket.h"

#include <linux/magic.h>

#define BUFFER_MOST  212992 /* net.core.wmem_max */
#define BUFFER_LEAST 2304

static struct super *socket_super; /* the file system of sockets, never mounted */

static const struct fs_type sockfs_type = {.name = "sockfs", .magic = SOCKFS_MAGIC};

void socket_init(void)
{
	socket_super = super_internal(&sockfs_type);
	unix_init();
}

/* ---- as files ---- */

static ssize_t socket_read(struct file *f, struct uio *io, u64 *pos __maybe_unused)
{
	struct received r scoped(received) = {0};

	if (!io->left) /* a datagram is not taken either */
		return 0;
	return unix_receive(f->private, io, f->flags & O_NONBLOCK ? MSG_DONTWAIT : 0, &r);
}

static ssize_t socket_write(struct file *f, struct uio *io, u64 *pos __maybe_unused)
{
	struct scm scm = {.cred = current_ucred()};

	return unix_send(f->private, io, NULL, 0, &scm, f->flags & O_NONBLOCK ? MSG_DONTWAIT : 0);
}

static long socket_ioctl(struct file *f, unsigned int cmd, unsigned long arg)
{
	struct usock *s = f->private;

	if (cmd != FIONREAD)
		return -ENOTTY;
	if (READ_ONCE(s->state) == SOCKET_LISTENS)
		return -EINVAL;
	return put_user((int)unix_waiting(s), (int __user *)arg);
}

static void socket_release(struct file *f)
{
	if (f->private)
		usock_close(f->private);
}

static const struct file_ops socket_file_ops = {
	.read = socket_read,
	.write = socket_write,
	.poll = unix_poll,
	.ioctl = socket_ioctl,
	.release = socket_release,
};

struct usock *file_socket(const struct file *f)
{
	return f->ops == &socket_file_ops ? f->private : NULL;
}

/* Make the socket and its new file refer to each other. */
static void attach_socket(struct file *f, struct usock *s)
{
	f->private = s;
	s->file = f;
}

/* Open a file for a socket, or for none yet. Takes the reference on success. NULL: no memory. */
static struct file *socket_file(struct usock *s, int flags)
{
	struct inode *i scoped(inode_put) = inode_of_caller(socket_super, S_IFSOCK | S_IRWXUGO);
	struct file *f;

	if (!i)
		return NULL;
	f = file_alloc(i, NULL, &socket_file_ops, O_RDWR | ((u32)flags & O_NONBLOCK),
		       FMODE_READ | FMODE_WRITE);
	if (f && s)
		attach_socket(f, s);
	return f;
}

/* The socket of a descriptor, with a reference to its file. ERR_PTR. */
static struct usock *get_socket(int fd)
{
	struct file *f = file_get_io(fd);

	if (f && f->ops == &socket_file_ops)
		return f->private;
	file_put(f);
	return ERR_PTR(f ? -ENOTSOCK : -EBADF);
}

static void put_socket(struct usock *s)
{
	file_put(s->file);
}
SCOPED(put_socket, struct usock *)

static int get_address(struct sockaddr_un *addr, const void __user *from, int len)
{
	memset(addr, 0, sizeof(*addr));
	if (len < 0 || len > (int)sizeof(struct __kernel_sockaddr_storage))
		return -EINVAL;
	return copy_from_user(addr, from, MIN((size_t)len, sizeof(*addr))) ? -EFAULT : 0;
}

/* Copy the socket's name to `to`, which has *ulen bytes. *ulen becomes the name's length. */
static int put_address(const struct usock *s, void __user *to, int __user *ulen)
{
	static const struct unix_name unnamed = {.len = offsetof(struct sockaddr_un, sun_path),
						 .addr.sun_family = AF_UNIX};
	const struct unix_name *n = (s ? READ_ONCE(s->name) : NULL) ?: &unnamed;
	int room;

	if (get_user(room, ulen))
		return -EFAULT;
	if (room < 0)
		return -EINVAL;
	if (copy_to_user(to, &n->addr, MIN((u32)room, n->len)))
		return -EFAULT;
	return put_user((int)n->len, ulen) ? -EFAULT : 0;
}

/* Check the three arguments, and strip the flags from *type. */
static int check_type(int family, int *type, int protocol)
{
	if (*type & ~(SOCK_TYPE_MASK | SOCK_CLOEXEC | SOCK_NONBLOCK))
		return -EINVAL;
	*type &= SOCK_TYPE_MASK;
	if (family < 0 || family != AF_UNIX)
		return -EAFNOSUPPORT;
	if (*type >= SOCK_MAX)
		return -EINVAL;
	if (protocol && protocol != AF_UNIX)
		return -EPROTONOSUPPORT;
	if (*type == SOCK_RAW)
		*type = SOCK_DGRAM;
	return *type == SOCK_STREAM || *type == SOCK_DGRAM || *type == SOCK_SEQPACKET
		       ? 0
		       : -ESOCKTNOSUPPORT;
}

static struct file *new_socket(int type, int flags)
{
	struct usock *s = usock_create(type);
	struct file *f = s ? socket_file(s, flags) : NULL;

	if (!f)
		usock_put(s);
	return f;
}

long sys_socket(int family, int type, int protocol)
{
	int flags = type, err = check_type(family, &type, protocol);
	struct file *f;

	if (err)
		return err;
	f = new_socket(type, flags);
	return f ? fd_open(f, 0, flags & SOCK_CLOEXEC) : file_alloc_error();
}

long sys_socketpair(int family, int type, int protocol, int __user *fds)
{
	int flags = type, err = check_type(family, &type, protocol);
	struct file *f[2];

	if (err)
		return err;
	f[0] = new_socket(type, flags);
	f[1] = f[0] ? new_socket(type, flags) : NULL;
	if (!f[1]) {
		file_put(f[0]);
		return -ENOMEM;
	}
	usock_pair(f[0]->private, f[1]->private);
	return fd_install_pair(f, fds, flags & SOCK_CLOEXEC);
}

long sys_bind(int fd, const void __user *uaddr, int len)
{
	struct usock *s scoped(put_socket) = get_socket(fd);
	struct sockaddr_un addr;
	int err = IS_ERR(s) ? (int)PTR_ERR(s) : get_address(&addr, uaddr, len);

	return err ? err : unix_bind(s, &addr, (u32)len);
}

long sys_listen(int fd, int backlog)
{
	struct usock *s scoped(put_socket) = get_socket(fd);

	return IS_ERR(s) ? PTR_ERR(s) : unix_listen(s, backlog);
}

long sys_connect(int fd, const void __user *uaddr, int len)
{
	struct usock *s scoped(put_socket) = get_socket(fd);
	struct sockaddr_un addr;
	int err = IS_ERR(s) ? (int)PTR_ERR(s) : get_address(&addr, uaddr, len);

	return err ? err : unix_connect(s, &addr, (u32)len, s->file->flags & O_NONBLOCK);
}

/* Accept a connection into `new` and copy the peer's name. */
static int accept_into(struct file *new, struct usock *s, bool nonblock, void __user *uaddr,
		       int __user *ulen)
{
	struct usock *n = unix_accept(s, nonblock), *peer scoped(usock_put) = NULL;

	if (IS_ERR(n))
		return (int)PTR_ERR(n);
	attach_socket(new, n); /* closed with `new` from here on */
	if (!uaddr)
		return 0;
	peer = unix_peer(n);
	return put_address(peer, uaddr, ulen);
}

long sys_accept4(int fd, void __user *uaddr, int __user *ulen, int flags)
{
	struct file *new;
	int newfd, err;

	if (flags & ~(SOCK_CLOEXEC | SOCK_NONBLOCK))
		return -EINVAL;
	struct usock *s scoped(put_socket) = get_socket(fd);
	newfd = IS_ERR(s) ? (int)PTR_ERR(s) : fd_alloc(0);
	if (newfd < 0)
		return newfd;
	new = socket_file(NULL, flags);
	err = new ? accept_into(new, s, s->file->flags & O_NONBLOCK, uaddr, ulen)
		  : file_alloc_error();
	if (err) {
		file_put(new);
		fd_cancel(newfd);
		return err;
	}
	fd_install(newfd, new, flags & SOCK_CLOEXEC);
	return newfd;
}

long sys_shutdown(int fd, int how)
{
	struct usock *s scoped(put_socket) = get_socket(fd);

	return IS_ERR(s) ? PTR_ERR(s) : unix_shutdown(s, how);
}

long sys_getsockname(int fd, void __user *uaddr, int __user *ulen)
{
	struct usock *s scoped(put_socket) = get_socket(fd);

	return IS_ERR(s) ? PTR_ERR(s) : put_address(s, uaddr, ulen);
}

long sys_getpeername(int fd, void __user *uaddr, int __user *ulen)
{
	struct usock *s scoped(put_socket) = get_socket(fd);

	if (IS_ERR(s))
		return PTR_ERR(s);
	struct usock *peer scoped(usock_put) = unix_peer(s);
	return peer ? put_address(peer, uaddr, ulen) : -ENOTCONN;
}

/* ---- sending and receiving ---- */

static u32 effective_flags(const struct usock *s, unsigned int flags)
{
	return flags | (s->file->flags & O_NONBLOCK ? MSG_DONTWAIT : 0);
}

static ssize_t send_from(struct usock *s, struct uio *io, const struct msghdr *msg,
			 unsigned int flags)
{
	struct scm scm = {.cred = current_ucred()};
	struct sockaddr_un addr;
	int len = msg->msg_name ? msg->msg_namelen : 0;
	ssize_t ret = len ? get_address(&addr, msg->msg_name, len) : 0;

	if (!ret)
		ret = scm_import(&scm, msg);
	if (!ret)
		ret = unix_send(s, io, &addr, (u32)len, &scm, effective_flags(s, flags));
	scm_free(&scm);
	return ret;
}

long sys_sendto(int fd, const void __user *buf, size_t n, unsigned int flags,
		const void __user *uaddr, int len)
{
	struct usock *s scoped(put_socket) = get_socket(fd);
	struct msghdr msg = {.msg_name = (void __user *)uaddr, .msg_namelen = len};
	struct uio io;

	if (IS_ERR(s))
		return PTR_ERR(s);
	uio_init_user(&io, (void __user *)buf, MIN(n, MAX_RW_COUNT));
	return send_from(s, &io, &msg, flags);
}

long sys_recvfrom(int fd, void __user *buf, size_t n, unsigned int flags, void __user *uaddr,
		  int __user *ulen)
{
	struct usock *s scoped(put_socket) = get_socket(fd);
	struct received r scoped(received) = {0};
	struct uio io;
	ssize_t ret;
	int err;

	if (IS_ERR(s))
		return PTR_ERR(s);
	uio_init_user(&io, buf, MIN(n, MAX_RW_COUNT));
	ret = unix_receive(s, &io, effective_flags(s, flags), &r);
	if (ret < 0 || !uaddr)
		return ret;
	/* a stream tells no sender, not even an empty name */
	if (s->type == SOCK_STREAM || !r.from || !r.from->name)
		err = put_user(0, ulen);
	else
		err = put_address(r.from, uaddr, ulen);
	return err ? err : ret;
}

/* Copy the header, and import its segments. `s`: may be an ERR_PTR, which comes first. */
static int import_msghdr(const struct usock *s, struct msghdr *msg,
			 const struct msghdr __user *umsg, struct segments *sg, struct uio *io)
{
	sg->more = NULL;
	if (IS_ERR(s))
		return (int)PTR_ERR(s);
	if (copy_from_user(msg, umsg, sizeof(*msg)))
		return -EFAULT;
	if (!msg->msg_name)
		msg->msg_namelen = 0;
	if (msg->msg_namelen < 0)
		return -EINVAL;
	if (msg->msg_iovlen > UIO_MAXIOV)
		return -EMSGSIZE;
	return import_iovec(msg->msg_iov, (int)msg->msg_iovlen, sg, io);
}

long sys_sendmsg(int fd, const struct msghdr __user *umsg, unsigned int flags)
{
	struct usock *s scoped(put_socket) = get_socket(fd);
	struct segments sg scoped(segments);
	struct msghdr msg;
	struct uio io;
	int err = import_msghdr(s, &msg, umsg, &sg, &io);

	return err ? err : send_from(s, &io, &msg, flags);
}

/* Write what recvmsg(2) returns beside the bytes. */
static int export_received(struct usock *s, struct received *r, struct msghdr *msg,
			   struct msghdr __user *umsg, bool cloexec)
{
	const struct unix_name *n = r->from ? READ_ONCE(r->from->name) : NULL;

	msg->msg_flags = r->flags;
	scm_export(&r->scm, msg, r->from && READ_ONCE(s->passcred), cloexec);
	if (n && s->type == SOCK_STREAM)
		n = NULL;
	if (n && copy_to_user(msg->msg_name, &n->addr, MIN((u32)msg->msg_namelen, n->len)))
		return -EFAULT;
	if (put_user((int)(n ? n->len : 0), &umsg->msg_namelen) ||
	    put_user(msg->msg_flags, &umsg->msg_flags) ||
	    put_user(msg->msg_controllen, &umsg->msg_controllen))
		return -EFAULT;
	return 0;
}

long sys_recvmsg(int fd, struct msghdr __user *umsg, unsigned int flags)
{
	struct usock *s scoped(put_socket) = get_socket(fd);
	struct received r scoped(received) = {0};
	struct segments sg scoped(segments);
	struct msghdr msg;
	struct uio io;
	int err = import_msghdr(s, &msg, umsg, &sg, &io);
	ssize_t ret = err ? err : unix_receive(s, &io, effective_flags(s, flags), &r);

	if (ret >= 0)
		err = export_received(s, &r, &msg, umsg, flags & MSG_CMSG_CLOEXEC);
	return err ? err : ret;
}

/* ---- options: socket(7) ---- */

/* As on Linux, the size is doubled for overhead, and SO_*BUF returns the double. */
static u32 buffer_size(int asked)
{
	return MAX(MIN((u32)asked, (u32)BUFFER_MOST) * 2, (u32)BUFFER_LEAST);
}

static int set_option(struct usock *s, int name, int value)
{
	switch (name) {
	case SO_PASSCRED:
		WRITE_ONCE(s->passcred, value != 0);
		return 0;
	case SO_SNDBUF:
		WRITE_ONCE(s->sndbuf, MAX(buffer_size(value), 2 * (u32)BUFFER_LEAST));
		wake_up_all(&s->write_wait);
		return 0;
	case SO_RCVBUF:
		WRITE_ONCE(s->rcvbuf, buffer_size(value));
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

long sys_setsockopt(int fd, int level, int name, const void __user *uvalue, int len)
{
	struct usock *s scoped(put_socket) = get_socket(fd);
	int value;

	if (IS_ERR(s))
		return PTR_ERR(s);
	if (len < 0 || (level == SOL_SOCKET && len < (int)sizeof(value)))
		return -EINVAL;
	if (level != SOL_SOCKET)
		return -EOPNOTSUPP;
	if (get_user(value, (const int __user *)uvalue))
		return -EFAULT;
	return set_option(s, name, value);
}

static int take_error(struct usock *s)
{
	int err;

	guard_mutex(&s->lock);
	err = s->error;
	s->error = 0;
	return err;
}

/* The value of the option, never negative; -ENOPROTOOPT. */
static int get_option(struct usock *s, int name)
{
	switch (name) {
	case SO_TYPE:
		return s->type;
	case SO_DOMAIN:
		return AF_UNIX;
	case SO_PROTOCOL:
		return 0;
	case SO_ERROR:
		return take_error(s);
	case SO_ACCEPTCONN:
		return READ_ONCE(s->state) == SOCKET_LISTENS;
	case SO_PASSCRED:
		return READ_ONCE(s->passcred);
	case SO_SNDBUF:
		return (int)READ_ONCE(s->sndbuf);
	case SO_RCVBUF:
		return (int)READ_ONCE(s->rcvbuf);
	default:
		return -ENOPROTOOPT;
	}
}

static int put_option(struct usock *s, int name, void __user *to, int __user *ulen, int room)
{
	struct ucred cred;
	const void *from = &cred;
	size_t n = sizeof(cred);
	int value;

	if (name == SO_PEERCRED) {
		guard_mutex(&s->lock);
		cred = s->peer_cred;
	} else {
		value = get_option(s, name);
		if (value < 0)
			return value;
		from = &value;
		n = sizeof(value);
	}
	n = MIN(n, (size_t)room);
	return copy_to_user(to, from, n) || put_user((int)n, ulen) ? -EFAULT : 0;
}

long sys_getsockopt(int fd, int level, int name, void __user *to, int __user *ulen)
{
	struct usock *s scoped(put_socket) = get_socket(fd);
	int room;

	if (IS_ERR(s))
		return PTR_ERR(s);
	if (level != SOL_SOCKET)
		return -EOPNOTSUPP;
	if (get_user(room, ulen))
		return -EFAULT;
	return room < 0 ? -EINVAL : put_option(s, name, to, ulen, room);
}
