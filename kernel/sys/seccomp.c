/* seccomp(2), and the file of a listener: seccomp_unotify(2). */
#include "kernel/fs/poll/poll.h"
#include "kernel/fs/vfs.h"
#include "kernel/lib/syscall.h"
#include "kernel/seccomp/notify.h"
#include "kernel/seccomp/seccomp.h"

#include <linux/filter.h>
#include <linux/ioctl.h>
#include <linux/prctl.h>

/* seccomp_unotify(2): names that older UAPI headers do not have. */
#define NOTIF_SET_FLAGS       SECCOMP_IOW(4, __u64)
#define NOTIF_FD_SYNC_WAKE_UP (1UL << 0)            /* a hint which CPU is to run the answer */
#define NOTIF_ID_VALID_OLD    SECCOMP_IOR(2, __u64) /* with the wrong direction */
#define WITHOUT_SIZE(cmd)     ((cmd) & ~(unsigned int)(IOC_INOUT | IOCSIZE_MASK))
#define ADDFD_SIZE_MIN        24 /* the first version of struct seccomp_notif_addfd */
#define FILTER_FLAGS                                                                            \
	(SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_SPEC_ALLOW | \
	 SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_TSYNC_ESRCH |                   \
	 SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV)

/* ---- the file of a listener ---- */

static long receive(struct listener *l, struct seccomp_notif __user *to)
{
	struct seccomp_notif notif;
	long err = check_zeroed((const char __user *)to, sizeof(notif));

	if (err)
		return err == -E2BIG ? -EINVAL : err;
	err = listener_receive(l, &notif);
	if (err)
		return err;
	if (!copy_to_user(to, &notif, sizeof(notif)))
		return 0;
	listener_unreceive(l, notif.id);
	return -EFAULT;
}

static long reply(struct listener *l, const struct seccomp_notif_resp __user *from)
{
	struct seccomp_notif_resp resp;

	if (copy_from_user(&resp, from, sizeof(resp)))
		return -EFAULT;
	if (resp.flags & ~SECCOMP_USER_NOTIF_FLAG_CONTINUE)
		return -EINVAL;
	if (resp.flags && (resp.error || resp.val))
		return -EINVAL;
	return listener_reply(l, &resp);
}

static long id_valid(struct listener *l, const u64 __user *from)
{
	u64 id;

	if (copy_from_user(&id, from, sizeof(id)))
		return -EFAULT;
	return listener_expects(l, id) ? 0 : -ENOENT;
}

/* SECCOMP_IOCTL_NOTIF_ADDFD */
struct file_gift {
	struct gift gift;
	struct file *file;
	int fd; /* the descriptor that it is to get; negative: any */
	bool cloexec;
};

/* Runs in the task that gets the file. */
static int install_file(struct gift *g)
{
	const struct file_gift *f = container_of(g, struct file_gift, gift);

	if (f->fd >= 0)
		return fd_replace((u32)f->fd, f->file, f->cloexec) ?: f->fd;
	file_get(f->file);
	return fd_open(f->file, 0, f->cloexec);
}

static long add_fd(struct listener *l, const void __user *from, size_t size)
{
	struct seccomp_notif_addfd add;
	struct file *file scoped(file_put) = NULL;
	int err;

	if (size < ADDFD_SIZE_MIN || size >= PAGE_SIZE)
		return -EINVAL;
	err = copy_struct_from_user(&add, sizeof(add), from, size);
	if (err)
		return err;
	if ((add.newfd_flags & ~(u32)O_CLOEXEC) ||
	    (add.flags & ~(SECCOMP_ADDFD_FLAG_SETFD | SECCOMP_ADDFD_FLAG_SEND)) ||
	    (add.newfd && !(add.flags & SECCOMP_ADDFD_FLAG_SETFD)))
		return -EINVAL;
	file = file_get_io((int)add.srcfd);
	if (!file)
		return -EBADF;
	struct file_gift f = {
		.gift = {.id = add.id,
			 .reply = add.flags & SECCOMP_ADDFD_FLAG_SEND,
			 .install = install_file},
		.file = file,
		.fd = add.flags & SECCOMP_ADDFD_FLAG_SETFD ? (int)MIN(add.newfd, (u32)INT32_MAX)
							   : -1,
		.cloexec = add.newfd_flags & O_CLOEXEC,
	};
	return listener_give(l, &f.gift);
}

static long listener_ioctl(struct file *f, unsigned int cmd, unsigned long arg)
{
	struct listener *l = f->private;
	void __user *user = (void __user *)arg;

	switch (cmd) {
	case SECCOMP_IOCTL_NOTIF_RECV:
		return receive(l, user);
	case SECCOMP_IOCTL_NOTIF_SEND:
		return reply(l, user);
	case SECCOMP_IOCTL_NOTIF_ID_VALID:
	case NOTIF_ID_VALID_OLD:
		return id_valid(l, user);
	case NOTIF_SET_FLAGS:
		return arg & ~NOTIF_FD_SYNC_WAKE_UP ? -EINVAL : 0;
	default:
		break;
	}
	if (WITHOUT_SIZE(cmd) == WITHOUT_SIZE(SECCOMP_IOCTL_NOTIF_ADDFD))
		return add_fd(l, user, _IOC_SIZE(cmd));
	return -EINVAL;
}

static u32 listener_poll(struct file *f, struct poll_table *pt)
{
	struct listener *l = f->private;

	poll_wait(pt, &l->wait);
	return (READ_ONCE(l->in_state[NOTICE_NEW]) ? POLLIN | POLLRDNORM : 0) |
	       (READ_ONCE(l->in_state[NOTICE_SENT]) ? POLLOUT | POLLWRNORM : 0) |
	       (READ_ONCE(l->filter_gone) ? POLLHUP : 0);
}

static void listener_release(struct file *f)
{
	listener_close(f->private);
}

static const struct file_ops listener_ops = {
	.lseek = no_lseek, /* as on Linux */
	.poll = listener_poll,
	.ioctl = listener_ioctl,
	.release = listener_release,
};

/* Make a listener for the filter, with its file. A reserved descriptor, or -errno. */
static int open_listener(struct seccomp_filter *filter, struct file **f)
{
	struct listener *l = listener_create();
	int fd = l ? fd_alloc(0) : -ENOMEM;

	*f = fd < 0 ? NULL : anon_file_alloc("seccomp notify", &listener_ops, l, 0);
	if (*f) {
		seccomp_filter_listen(filter, l);
		return fd;
	}
	if (fd >= 0) {
		fd_cancel(fd);
		fd = file_alloc_error();
	}
	if (l)
		listener_put(l);
	return fd;
}

/* ---- seccomp(2) ---- */

/* Attach a filter whose notifications go to a new file. Takes over the reference. The file's
 * descriptor, or an error. */
static long attach_with_listener(struct seccomp_filter *filter, u32 flags)
{
	struct file *f = NULL;
	long err;
	int fd = open_listener(filter, &f);

	if (fd < 0) {
		seccomp_filter_put(filter);
		return fd;
	}
	err = seccomp_attach(filter, flags);
	if (!err) {
		fd_install(fd, f, true);
		return fd;
	}
	fd_cancel(fd);
	file_put(f);
	return err;
}

static long set_filter(u32 flags, const void __user *uprog)
{
	struct seccomp_filter *filter;

	if (flags & ~FILTER_FLAGS)
		return -EINVAL;
	/* Both would return a positive number: a descriptor, or a thread with other filters. */
	if ((flags & SECCOMP_FILTER_FLAG_TSYNC) && (flags & SECCOMP_FILTER_FLAG_NEW_LISTENER) &&
	    !(flags & SECCOMP_FILTER_FLAG_TSYNC_ESRCH))
		return -EINVAL;
	if ((flags & SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV) &&
	    !(flags & SECCOMP_FILTER_FLAG_NEW_LISTENER))
		return -EINVAL;
	filter = seccomp_filter_create(uprog, flags);
	if (IS_ERR(filter))
		return PTR_ERR(filter);
	return flags & SECCOMP_FILTER_FLAG_NEW_LISTENER ? attach_with_listener(filter, flags)
							: seccomp_attach(filter, flags);
}

static long action_avail(const u32 __user *from)
{
	u32 action;

	if (copy_from_user(&action, from, sizeof(action)))
		return -EFAULT;
	return seccomp_action_exists(action) ? 0 : -EOPNOTSUPP;
}

static long notif_sizes(struct seccomp_notif_sizes __user *to)
{
	const struct seccomp_notif_sizes sizes = {
		.seccomp_notif = sizeof(struct seccomp_notif),
		.seccomp_notif_resp = sizeof(struct seccomp_notif_resp),
		.seccomp_data = sizeof(struct seccomp_data),
	};

	return copy_to_user(to, &sizes, sizeof(sizes)) ? -EFAULT : 0;
}

long sys_seccomp(unsigned int op, unsigned int flags, void __user *args)
{
	if (op == SECCOMP_SET_MODE_FILTER)
		return set_filter(flags, args);
	if (flags)
		return -EINVAL;
	switch (op) {
	case SECCOMP_SET_MODE_STRICT:
		return args ? -EINVAL : seccomp_set_strict();
	case SECCOMP_GET_ACTION_AVAIL:
		return action_avail(args);
	case SECCOMP_GET_NOTIF_SIZES:
		return notif_sizes(args);
	default:
		return -EINVAL;
	}
}
