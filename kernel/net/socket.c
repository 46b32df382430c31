/* Sockets as files, and the system calls that make and connect them. socket(7) */
#include "kernel/net/socket.h"

#include <linux/magic.h>

u64 socket_max_backlog = 4096;

static struct super *socket_super; /* the file system of sockets, never mounted */

static const struct fs_type sockfs_type = {.name = "sockfs", .magic = SOCKFS_MAGIC};

void socket_init(void)
{
	socket_super = super_internal(&sockfs_type);
	unix_init();
	inet_init();
}

void socket_setup(struct socket *s, const struct socket_ops *ops, int family, int type,
		  int protocol)
{
	s->ops = ops;
	s->family = (u16)family;
	s->type = (u16)type;
	s->protocol = (u16)protocol;
	s->opt.sndbuf = s->opt.rcvbuf = BUFFER_DEFAULT;
	s->opt.rcvlowat = 1;
	s->opt.peek_off = -1;
	s->uid = current->cred->euid;
	guard_spin(&ops->list->lock);
	list_add_tail(&s->listed, &ops->list->all);
}

void socket_gone(struct socket *s)
{
	guard_spin(&s->ops->list->lock);
	list_del_init(&s->listed);
}

#define BATCH 64 /* sockets in one hold of the lock */

/* A marker keeps the place. */
void sockets_each(struct socket_list *list, void (*fn)(struct socket *s, void *arg), void *arg)
{
	struct socket place = {.marker = true}, *s;
	bool more = true;

	list_init(&place.listed);
	spin_lock(&list->lock);
	list_add(&place.listed, &list->all);
	while (more) {
		for (u32 i = 0; i < BATCH && more; i++) {
			more = place.listed.next != &list->all;
			if (!more)
				break;
			s = list_first_entry(&place.listed, struct socket, listed);
			list_del(&place.listed);
			list_add(&place.listed, &s->listed);
			if (!s->marker)
				fn(s, arg);
		}
		spin_unlock(&list->lock);
		spin_lock(&list->lock);
	}
	list_del(&place.listed);
	spin_unlock(&list->lock);
}

struct ucred current_ucred(void)
{
	const struct cred *c = current->cred;

	return (struct ucred){.pid = (u32)current->tgid_nr, .uid = c->euid, .gid = c->egid};
}

/* ---- as files ---- */

static long socket_ioctl(struct file *f, unsigned int cmd, unsigned long arg)
{
	struct socket *s = f->private;

	long ret = s->ops->ioctl(s, cmd, arg);

	return ret == -ENOTTY ? interface_ioctl(cmd, arg) : ret;
}

static u32 socket_poll(struct file *f, struct poll_table *pt)
{
	struct socket *s = f->private;

	return s->ops->poll(s, pt);
}

static void socket_release(struct file *f)
{
	struct socket *s = f->private;

	if (s)
		s->ops->close(s);
}

static const struct file_ops socket_file_ops = {
	.read = socket_read,
	.write = socket_write,
	.poll = socket_poll,
	.ioctl = socket_ioctl,
	.release = socket_release,
};

struct socket *file_socket(const struct file *f)
{
	return f->ops == &socket_file_ops ? f->private : NULL;
}

/* Make the socket and its new file refer to each other. */
static void attach_socket(struct file *f, struct socket *s)
{
	f->private = s;
	s->ino = f->inode->ino;
	s->file = f;
}

/* Open a file for a socket, or for none yet. Takes the reference on success. NULL: no memory. */
static struct file *socket_file(struct socket *s, int flags)
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

struct socket *get_socket(int fd)
{
	struct file *f = file_get_io(fd);

	if (f && f->ops == &socket_file_ops)
		return f->private;
	file_put(f);
	return ERR_PTR(f ? -ENOTSOCK : -EBADF);
}

void put_socket(struct socket *s)
{
	file_put(s->file);
}

int get_address(union address *addr, const void __user *from, int len)
{
	memset(addr, 0, sizeof(*addr));
	if (len < 0 || len > (int)sizeof(*addr))
		return -EINVAL;
	return copy_from_user(addr, from, (size_t)len) ? -EFAULT : 0;
}

int put_address(const union address *addr, u32 len, void __user *to, int __user *ulen)
{
	int room;

	if (get_user(room, ulen))
		return -EFAULT;
	if (room < 0)
		return -EINVAL;
	if (copy_to_user(to, addr, MIN((u32)room, len)))
		return -EFAULT;
	return put_user((int)len, ulen) ? -EFAULT : 0;
}

/* ---- making ---- */

static struct socket *create_socket(int family, int type, int protocol)
{
	if (family == AF_UNIX)
		return unix_create(type, protocol);
	if (family == AF_INET || family == AF_INET6)
		return inet_create(family, type, protocol);
	if (family == AF_NETLINK)
		return netlink_create(type, protocol);
	return ERR_PTR(-EAFNOSUPPORT);
}

/* Make a socket and its file. `type` with its flags. ERR_PTR. */
static struct file *new_socket(int family, int type, int protocol)
{
	struct socket *s;
	struct file *f;

	if (type & ~(SOCK_TYPE_MASK | SOCK_CLOEXEC | SOCK_NONBLOCK))
		return ERR_PTR(-EINVAL);
	if (family < 0)
		return ERR_PTR(-EAFNOSUPPORT);
	if ((type & SOCK_TYPE_MASK) >= SOCK_MAX)
		return ERR_PTR(-EINVAL);
	s = create_socket(family, type & SOCK_TYPE_MASK, protocol);
	if (IS_ERR(s))
		return ERR_PTR(PTR_ERR(s));
	f = socket_file(s, type);
	if (f)
		return f;
	s->ops->close(s);
	return ERR_PTR(file_alloc_error());
}

long sys_socket(int family, int type, int protocol)
{
	struct file *f = new_socket(family, type, protocol);

	return IS_ERR(f) ? PTR_ERR(f) : fd_open(f, 0, type & SOCK_CLOEXEC);
}

static int pair_files(struct file *a, struct file *b)
{
	struct socket *s = a->private;

	return s->ops->pair ? s->ops->pair(s, b->private) : -EOPNOTSUPP;
}

long sys_socketpair(int family, int type, int protocol, int __user *fds)
{
	struct file *f[2];
	int err;

	f[0] = new_socket(family, type, protocol);
	if (IS_ERR(f[0]))
		return PTR_ERR(f[0]);
	f[1] = new_socket(family, type, protocol);
	err = IS_ERR(f[1]) ? (int)PTR_ERR(f[1]) : pair_files(f[0], f[1]);
	if (!err)
		return fd_install_pair(f, fds, type & SOCK_CLOEXEC);
	file_put(f[0]);
	if (!IS_ERR(f[1]))
		file_put(f[1]);
	return err;
}

/* ---- connecting ---- */

long sys_bind(int fd, const void __user *uaddr, int len)
{
	struct socket *s scoped(put_socket) = get_socket(fd);
	union address addr;
	int err = IS_ERR(s) ? (int)PTR_ERR(s) : get_address(&addr, uaddr, len);

	return err ? err : s->ops->bind(s, &addr, (u32)len);
}

long sys_listen(int fd, int backlog)
{
	struct socket *s scoped(put_socket) = get_socket(fd);

	if (IS_ERR(s))
		return PTR_ERR(s);
	return s->ops->listen(s, (int)MIN((u64)(u32)backlog, READ_ONCE(socket_max_backlog)));
}

long sys_connect(int fd, const void __user *uaddr, int len)
{
	struct socket *s scoped(put_socket) = get_socket(fd);
	union address addr;
	int err = IS_ERR(s) ? (int)PTR_ERR(s) : get_address(&addr, uaddr, len);

	if (err)
		return err;
	return s->ops->connect(
		s, &addr, (u32)len,
		socket_until(READ_ONCE(s->opt.send_ns), s->file->flags & O_NONBLOCK));
}

/* Accept a connection into `new` and copy the peer's name. */
static int accept_into(struct file *new, struct socket *s, void __user *uaddr, int __user *ulen)
{
	struct socket *n = s->ops->accept(
		s, socket_until(READ_ONCE(s->opt.receive_ns), s->file->flags & O_NONBLOCK));
	union address addr;
	int len;

	if (IS_ERR(n))
		return (int)PTR_ERR(n);
	attach_socket(new, n); /* closed with `new` from here on */
	if (!uaddr)
		return 0;
	len = n->ops->name(n, &addr, NAME_CALLER);
	return len < 0 ? -ECONNABORTED : put_address(&addr, (u32)len, uaddr, ulen);
}

long sys_accept4(int fd, void __user *uaddr, int __user *ulen, int flags)
{
	struct file *new;
	int newfd, err;

	if (flags & ~(SOCK_CLOEXEC | SOCK_NONBLOCK))
		return -EINVAL;
	struct socket *s scoped(put_socket) = get_socket(fd);
	newfd = IS_ERR(s) ? (int)PTR_ERR(s) : fd_alloc(0);
	if (newfd < 0)
		return newfd;
	new = socket_file(NULL, flags);
	err = new ? accept_into(new, s, uaddr, ulen) : file_alloc_error();
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
	struct socket *s scoped(put_socket) = get_socket(fd);

	if (IS_ERR(s))
		return PTR_ERR(s);
	return how < 0 || how > 2 ? -EINVAL : s->ops->shutdown(s, (u32)how + 1);
}

static long get_name(int fd, void __user *uaddr, int __user *ulen, enum name_of which)
{
	struct socket *s scoped(put_socket) = get_socket(fd);
	union address addr;
	int len = IS_ERR(s) ? (int)PTR_ERR(s) : s->ops->name(s, &addr, which);

	return len < 0 ? len : put_address(&addr, (u32)len, uaddr, ulen);
}

long sys_getsockname(int fd, void __user *uaddr, int __user *ulen)
{
	return get_name(fd, uaddr, ulen, NAME_OWN);
}

long sys_getpeername(int fd, void __user *uaddr, int __user *ulen)
{
	return get_name(fd, uaddr, ulen, NAME_PEER);
}
