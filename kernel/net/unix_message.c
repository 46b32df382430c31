/* Messages between sockets, with files and credentials. unix(7), cmsg(3) */
#include "kernel/net/unix.h"
#include "mm/slab.h"

/* The charge of a message to its sender's buffer. Programs notice when a send blocks, so this is
 * Linux's arithmetic: a header; the bytes in one piece, a power of two from 512 up; the excess in
 * pages. */
#define SKB_HEADER    256
#define SKB_TRAILER   320                           /* behind the bytes, in the same piece */
#define SKB_MOST_LINE (4 * PAGE_SIZE - SKB_TRAILER) /* of a datagram, in one piece */

static u32 message_charge(size_t len, bool stream)
{
	size_t most = stream ? STREAM_LINE : SKB_MOST_LINE;
	size_t paged = len > most ? MIN(len, ALIGN_UP(len - most, PAGE_SIZE)) : 0, piece = 512;

	while (piece < len - paged + SKB_TRAILER)
		piece *= 2;
	return (u32)(SKB_HEADER + piece + ALIGN_UP(paged, PAGE_SIZE));
}

struct message *message_create(struct usock *from, struct uio *io, size_t n)
{
	struct message *m = kmalloc(sizeof(*m) + n);

	if (!m)
		return ERR_PTR(-ENOBUFS);
	memset(m, 0, sizeof(*m));
	list_init(&m->link);
	m->len = n;
	if (uio_fetch(io, m->data, n) < n) {
		kfree(m);
		return ERR_PTR(-EFAULT);
	}
	refcount_inc(&from->count);
	m->from = from;
	m->charge = message_charge(n, from->base.type == SOCK_STREAM);
	atomic_add_return(&from->in_flight, (int)m->charge);
	return m;
}

/* Messages with files are freed by one task in a loop: a file may be a socket whose unread messages
 * hold such files too, and recursion could go too deep. */
static spinlock_t doomed_lock = SPINLOCK_INIT(LOCK_SOCKETS); /* guards the next two */
static struct list_head doomed = LIST_HEAD_INIT(doomed);
static bool draining;

void scm_free(struct scm *scm)
{
	scm_release(scm);
	for (u32 i = 0; i < scm->nr; i++)
		file_put(scm->files[i]);
	kfree(scm->files);
	scm->files = NULL;
	scm->nr = 0;
}

static struct message *next_doomed(void)
{
	struct message *m;

	guard_spin(&doomed_lock);
	m = list_take_first(&doomed, struct message, link);
	draining = m != NULL;
	return m;
}

static void free_with_files(struct message *m)
{
	bool mine;

	spin_lock(&doomed_lock);
	list_add_tail(&m->link, &doomed);
	mine = !draining;
	draining = true;
	spin_unlock(&doomed_lock);
	while (mine && (m = next_doomed()) != NULL) {
		scm_free(&m->scm);
		kfree(m);
	}
}

void message_free(struct message *m)
{
	struct usock *from = m->from;

	atomic_add_return(&from->in_flight, -(int)m->charge);
	wake_up_all(&from->write_wait);
	usock_put(from);
	if (m->scm.nr)
		free_with_files(m);
	else
		kfree(m);
}

void free_messages(struct list_head *unread)
{
	struct message *m;

	while ((m = list_take_first(unread, struct message, link)) != NULL)
		message_free(m);
}

/* ---- what travels with them ---- */

int scm_copy_files(struct scm *to, const struct scm *from)
{
	*to = *from;
	to->user = NULL; /* charged once, with the original */
	if (!from->nr)
		return 0;
	to->files = kmalloc(from->nr * sizeof(*to->files));
	if (!to->files) {
		to->nr = 0;
		return -ENOMEM;
	}
	for (u32 i = 0; i < from->nr; i++) {
		to->files[i] = from->files[i];
		file_get(to->files[i]);
	}
	return 0;
}

/* Only root may send credentials that are not its own. */
static int import_cred(struct scm *scm, const void *data, size_t len)
{
	const struct cred *c = current->cred;
	struct ucred u;

	if (len != sizeof(u))
		return -EINVAL;
	memcpy(&u, data, sizeof(u));
	if (!cred_is_root(c) && ((pid_t)u.pid != current->tgid_nr ||
				 (u.uid != c->uid && u.uid != c->euid && u.uid != c->suid) ||
				 (u.gid != c->gid && u.gid != c->egid && u.gid != c->sgid)))
		return -EPERM;
	scm->cred = u;
	return 0;
}

static bool too_many_in_flight(const struct user *user)
{
	return (u64)atomic_read(&user->in_flight) > fd_limit() && !cred_is_root(current->cred);
}

/* Files in unread messages are open too, so the limit is that of descriptors. */
static int charge_files(struct scm *scm)
{
	struct user *user = current->cred->user;

	if (too_many_in_flight(user)) {
		unix_collect();
		if (too_many_in_flight(user))
			return -ETOOMANYREFS;
	}
	refcount_inc(&user->count);
	scm->user = user;
	return 0;
}

static int import_files(struct scm *scm, const int *fds, size_t len)
{
	size_t n = len / sizeof(*fds);
	int err;

	if (!n)
		return 0;
	err = scm->user ? 0 : charge_files(scm);
	if (err)
		return err;
	if (scm->nr + n > SCM_MAX_FD)
		return -EINVAL;
	if (!scm->files)
		scm->files = kmalloc(SCM_MAX_FD * sizeof(*scm->files));
	if (!scm->files)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		struct file *f = file_get_fd(fds[i]);

		if (!f)
			return -EBADF;
		scm->files[scm->nr++] = f;
		atomic_add_return(&scm->user->in_flight, 1);
		scm_hold(f);
	}
	return 0;
}

static int import_one(void *arg, const struct cmsghdr *h, const void *data, size_t len)
{
	struct scm *scm = arg;

	if (h->cmsg_level != SOL_SOCKET)
		return 0;
	if (h->cmsg_type == SCM_RIGHTS)
		return import_files(scm, data, len);
	return h->cmsg_type == SCM_CREDENTIALS ? import_cred(scm, data, len) : -EINVAL;
}

int scm_import(struct scm *scm, const struct msghdr *msg)
{
	return each_cmsg(msg, import_one, scm);
}

/* Make descriptors for as many files as fit the reader's buffer and table. */
static void put_files(struct scm *scm, struct incoming *in)
{
	size_t left = in->control_left,
	       room = left < sizeof(struct cmsghdr) ? 0
						    : (left - sizeof(struct cmsghdr)) / sizeof(int);
	char __user *to = in->msg ? in->msg->msg_control : NULL;
	int __user *at = (int __user *)(to + sizeof(struct cmsghdr));
	struct cmsghdr h = {.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
	u32 n;

	for (n = 0; n < scm->nr && n < room; n++) {
		int fd = fd_alloc(0);

		if (fd < 0)
			break;
		if (put_user(fd, at + n)) {
			fd_cancel(fd);
			break;
		}
		file_get(scm->files[n]);
		fd_install(fd, scm->files[n], in->flags & MSG_CMSG_CLOEXEC);
	}
	if (n < scm->nr)
		in->got |= MSG_CTRUNC;
	h.cmsg_len = CMSG_LEN(n * sizeof(int));
	if (n && !copy_to_user(to, &h, sizeof(h))) {
		size_t used = MIN(CMSG_ALIGN(h.cmsg_len), left);

		in->msg->msg_control = to + used;
		in->control_left -= used;
	}
}

void scm_export(struct scm *scm, struct incoming *in, bool passcred)
{
	if (passcred)
		put_cmsg(in, SOL_SOCKET, SCM_CREDENTIALS, &scm->cred, sizeof(scm->cred));
	if (scm->nr)
		put_files(scm, in);
}
