/* Sending and receiving through a socket: the system calls, and control messages. cmsg(3) */
#include "kernel/net/socket.h"
#include "kernel/time/timespec.h"
#include "mm/slab.h"

static u32 flags_of(const struct file *f)
{
	return f->flags & O_NONBLOCK ? MSG_DONTWAIT : 0;
}

ssize_t socket_read(struct file *f, struct uio *io, u64 *pos __maybe_unused)
{
	struct socket *s = f->private;
	struct incoming in = {.flags = flags_of(f)};

	if (!io->left) /* a datagram is not taken either */
		return 0;
	return s->ops->receive(s, io, &in);
}

ssize_t socket_write(struct file *f, struct uio *io, u64 *pos __maybe_unused)
{
	struct socket *s = f->private;

	return s->ops->send(s, io, &(struct outgoing){.flags = flags_of(f)});
}

static ssize_t send_message(struct socket *s, struct uio *io, const struct msghdr *msg,
			    unsigned int flags)
{
	union address addr;
	int len = msg->msg_name ? msg->msg_namelen : 0;
	struct outgoing out = {
		.to = &addr, .len = (u32)len, .flags = flags | flags_of(s->file), .msg = msg};
	int err = len ? get_address(&addr, msg->msg_name, len) : 0;

	return err ? err : s->ops->send(s, io, &out);
}

long sys_sendto(int fd, const void __user *buf, size_t n, unsigned int flags,
		const void __user *uaddr, int len)
{
	struct socket *s scoped(put_socket) = get_socket(fd);
	struct msghdr msg = {.msg_name = (void __user *)uaddr, .msg_namelen = len};
	struct uio io;

	if (IS_ERR(s))
		return PTR_ERR(s);
	uio_init_user(&io, (void __user *)buf, MIN(n, MAX_RW_COUNT));
	return send_message(s, &io, &msg, flags);
}

long sys_recvfrom(int fd, void __user *buf, size_t n, unsigned int flags, void __user *uaddr,
		  int __user *ulen)
{
	struct socket *s scoped(put_socket) = get_socket(fd);
	union address name;
	struct incoming in = {.flags = flags, .name = uaddr ? &name : NULL};
	struct uio io;
	ssize_t ret;
	int err;

	if (IS_ERR(s))
		return PTR_ERR(s);
	in.flags |= flags_of(s->file);
	uio_init_user(&io, buf, MIN(n, MAX_RW_COUNT));
	ret = s->ops->receive(s, &io, &in);
	if (ret < 0 || !uaddr)
		return ret;
	err = in.len ? put_address(&name, in.len, uaddr, ulen) : put_user(0, ulen);
	return err ? err : ret;
}

/* Copy the header, and import its segments. */
static int import_msghdr(struct msghdr *msg, const struct msghdr __user *umsg, struct segments *sg,
			 struct uio *io)
{
	sg->more = NULL;
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

static long send_one(struct socket *s, const struct msghdr __user *umsg, unsigned int flags)
{
	struct segments sg scoped(segments);
	struct msghdr msg;
	struct uio io;
	int err = import_msghdr(&msg, umsg, &sg, &io);

	return err ? err : send_message(s, &io, &msg, flags);
}

long sys_sendmsg(int fd, const struct msghdr __user *umsg, unsigned int flags)
{
	struct socket *s scoped(put_socket) = get_socket(fd);

	return IS_ERR(s) ? PTR_ERR(s) : send_one(s, umsg, flags);
}

/* Write what recvmsg(2) returns beside the bytes. */
static int export_received(const struct incoming *in, struct msghdr *msg,
			   struct msghdr __user *umsg)
{
	if (in->len && msg->msg_name &&
	    copy_to_user(msg->msg_name, in->name, MIN((u32)msg->msg_namelen, in->len)))
		return -EFAULT;
	if (put_user((int)in->len, &umsg->msg_namelen) ||
	    put_user(in->got | (in->flags & MSG_CMSG_CLOEXEC), &umsg->msg_flags) ||
	    put_user(msg->msg_controllen - in->control_left, &umsg->msg_controllen))
		return -EFAULT;
	return 0;
}

static long receive_one(struct socket *s, struct msghdr __user *umsg, unsigned int flags)
{
	struct segments sg scoped(segments);
	union address name;
	struct msghdr msg;
	struct uio io;
	int err = import_msghdr(&msg, umsg, &sg, &io);
	struct incoming in = {.flags = flags | flags_of(s->file),
			      .name = &name,
			      .msg = &msg,
			      .control_left = err ? 0 : msg.msg_controllen};
	ssize_t ret = err ? err : s->ops->receive(s, &io, &in);

	if (ret >= 0)
		err = export_received(&in, &msg, umsg);
	return err ? err : ret;
}

long sys_recvmsg(int fd, struct msghdr __user *umsg, unsigned int flags)
{
	struct socket *s scoped(put_socket) = get_socket(fd);

	return IS_ERR(s) ? PTR_ERR(s) : receive_one(s, umsg, flags);
}

/* ---- several messages: recvmmsg(2), sendmmsg(2) ---- */

typedef long message_fn(struct socket *s, struct msghdr __user *umsg, unsigned int flags);

static long send_next(struct socket *s, struct msghdr __user *umsg, unsigned int flags)
{
	return send_one(s, umsg, flags);
}

/* Handle the messages in turn; the number of those done, or the first one's error. */
static long each_message(struct socket *s, struct mmsghdr __user *msgs, unsigned int n,
			 unsigned int flags, message_fn *one, u64 until)
{
	bool patient = !(flags & MSG_WAITFORONE);
	unsigned int done = 0;
	long ret = 0;

	n = MIN(n, (unsigned int)UIO_MAXIOV);
	flags &= ~(unsigned int)MSG_WAITFORONE;
	while (done < n && ret >= 0) {
		ret = one(s, &msgs[done].msg_hdr, flags);
		if (ret >= 0 && put_user((unsigned int)ret, &msgs[done].msg_len))
			ret = -EFAULT;
		if (ret < 0)
			break;
		done++;
		if (!patient)
			flags |= MSG_DONTWAIT;
		if ((until != TIME_FOREVER && ktime_get() >= until) || signal_pending(current))
			break;
	}
	return done ? (long)done : ret;
}

long sys_sendmmsg(int fd, struct mmsghdr __user *msgs, unsigned int n, unsigned int flags)
{
	struct socket *s scoped(put_socket) = get_socket(fd);

	if (IS_ERR(s))
		return PTR_ERR(s);
	return each_message(s, msgs, n, flags & ~(unsigned int)MSG_WAITFORONE, send_next,
			    TIME_FOREVER);
}

/* The time-out is looked at after each message only, as on Linux: recvmmsg(2), BUGS. */
long sys_recvmmsg(int fd, struct mmsghdr __user *msgs, unsigned int n, unsigned int flags,
		  struct timespec __user *timeout)
{
	u64 until = TIME_FOREVER, now, ns;
	int err = timeout ? get_timespec(&ns, timeout) : 0;
	long ret;

	if (err)
		return err;
	if (timeout)
		until = time_add(ktime_get(), ns);
	struct socket *s scoped(put_socket) = get_socket(fd);
	if (IS_ERR(s))
		return PTR_ERR(s);
	ret = socket_take_error(s);
	if (!ret)
		ret = each_message(s, msgs, n, flags, receive_one, until);
	now = ktime_get();
	if (ret > 0 && timeout && put_timespec(timeout, until > now ? until - now : 0))
		ret = -EFAULT;
	return ret;
}

/* ---- control messages ---- */

int each_cmsg(const struct msghdr *msg,
	      int (*fn)(void *arg, const struct cmsghdr *h, const void *data, size_t len),
	      void *arg)
{
	size_t left = msg ? msg->msg_controllen : 0;
	int err;

	if (left < sizeof(struct cmsghdr))
		return 0;
	if (left > CONTROL_MAX)
		return -ENOBUFS;
	char *control scoped(kfree) = kmalloc(left), *at = control;
	if (!control)
		return -ENOMEM;
	if (copy_from_user(control, msg->msg_control, left))
		return -EFAULT;
	for (size_t step; left >= sizeof(struct cmsghdr); at += step, left -= step) {
		const struct cmsghdr *h = (const struct cmsghdr *)at;

		if (h->cmsg_len < sizeof(*h) || h->cmsg_len > left)
			return -EINVAL;
		err = fn(arg, h, h + 1, h->cmsg_len - sizeof(*h));
		if (err)
			return err;
		step = MIN(CMSG_ALIGN(h->cmsg_len), left);
	}
	return 0;
}

void put_cmsg(struct incoming *in, int level, int type, const void *data, size_t len)
{
	struct cmsghdr h = {.cmsg_len = CMSG_LEN(len), .cmsg_level = level, .cmsg_type = type};
	size_t room = in->control_left;
	char __user *at;

	if (!in->msg)
		return;
	if (room < h.cmsg_len)
		in->got |= MSG_CTRUNC;
	if (room < sizeof(h))
		return;
	at = in->msg->msg_control;
	h.cmsg_len = MIN(h.cmsg_len, room);
	if (copy_to_user(at, &h, sizeof(h)) ||
	    copy_to_user(at + sizeof(h), data, h.cmsg_len - sizeof(h)))
		return;
	room = MIN(CMSG_ALIGN(h.cmsg_len), room);
	in->msg->msg_control = at + room;
	in->control_left -= room;
}

void put_timestamp(const struct socket *s, struct incoming *in, u64 at)
{
	struct timespec ts = ns_to_timespec(at ? at : ktime_get_real());
	struct timeval tv = {.tv_sec = ts.tv_sec, .tv_usec = ts.tv_nsec / NSEC_PER_USEC};

	if (socket_option(s, SO_TIMESTAMPNS_OLD))
		put_cmsg(in, SOL_SOCKET, SO_TIMESTAMPNS_OLD, &ts, sizeof(ts));
	else if (socket_option(s, SO_TIMESTAMP_OLD))
		put_cmsg(in, SOL_SOCKET, SO_TIMESTAMP_OLD, &tv, sizeof(tv));
}
