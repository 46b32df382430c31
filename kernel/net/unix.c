/* AF_UNIX sockets: life, names and connections. unix(7) */
#include "kernel/net/unix.h"
#include "mm/slab.h"

#define NAME_START offsetof(struct sockaddr_un, sun_path)

static struct kmem_cache *usock_cache;
static const struct socket_ops unix_ops;
#define BOUND_LISTS 1024

static spinlock_t bind_lock = SPINLOCK_INIT(LOCK_SOCKETS); /* guards names and the lists */
static struct list_head bound_sockets[BOUND_LISTS];        /* by a keyed hash */

void unix_init(void)
{
	for (u32 i = 0; i < BOUND_LISTS; i++)
		list_init(&bound_sockets[i]);
	usock_cache = kmem_cache_create("socket", sizeof(struct usock), 0);
}

/* ---- life ---- */

struct usock *usock_create(int type)
{
	struct usock *s = kmem_cache_zalloc(usock_cache);

	if (!s)
		return NULL;
	refcount_set(&s->count, 1);
	mutex_init(&s->lock, LOCK_PIPE);
	socket_setup(&s->base, &unix_ops, AF_UNIX, type, 0);
	s->backlog_max = (u32)READ_ONCE(unix_max_dgrams);
	s->peer_cred = (struct ucred){.uid = (u32)-1, .gid = (u32)-1};
	list_init(&s->queue);
	list_init(&s->backlog);
	list_init(&s->in_backlog);
	list_init(&s->bound);
	list_init(&s->flying);
	list_init(&s->cleared);
	wait_queue_init(&s->read_wait);
	wait_queue_init(&s->write_wait);
	wait_queue_init(&s->room_wait);
	list_init(&s->to_tell);
	list_init(&s->tell_link);
	return s;
}

void usock_put(struct usock *s)
{
	if (!s || !refcount_dec_and_test(&s->count))
		return;
	if (s->groups)
		put_cred(s->groups);
	if (s->peer_groups)
		put_cred(s->peer_groups);
	socket_gone(&s->base);
	kfree(s->name); /* kept until now, for recvfrom(2) of its messages */
	kmem_cache_free(usock_cache, s);
}

struct usock *unix_peer(struct usock *s)
{
	guard_mutex(&s->lock);
	return s->peer ? usock_get(s->peer) : NULL;
}

static void wake_both(struct usock *s)
{
	wake_up_all(&s->read_wait);
	wake_up_all(&s->write_wait);
}

static void unbind(struct usock *s)
{
	struct dentry *place;

	spin_lock(&bind_lock);
	list_del_init(&s->bound);
	place = s->place;
	s->place = NULL;
	spin_unlock(&bind_lock);
	if (place)
		dentry_unpin(place);
}

/* The peer of a connection was closed. Its messages can still be read. */
static void peer_closed(struct usock *s, struct usock *by, bool reset)
{
	mutex_lock(&s->lock);
	if (s->peer == by && s->state == SOCKET_CONNECTED) {
		WRITE_ONCE(s->shut, SHUT_BOTH);
		if (reset)
			socket_set_error(&s->base, ECONNRESET);
	}
	mutex_unlock(&s->lock);
	wake_both(s);
}

/* `embryo`: it was never accepted. */
static void close_one(struct usock *s, struct list_head *orphans, bool embryo)
{
	struct list_head unread = LIST_HEAD_INIT(unread);
	struct usock *peer;
	bool reset;

	mutex_lock(&s->lock);
	s->state = SOCKET_CLOSED;
	WRITE_ONCE(s->shut, SHUT_BOTH);
	peer = unix_set_peer(s, NULL);
	list_splice_tail(&s->queue, &unread);
	list_splice_tail(&s->backlog, orphans);
	mutex_unlock(&s->lock);
	wake_both(s);
	unix_room_for_all(s);
	unix_forget_room(s);
	unbind(s);
	reset = embryo || !list_empty(&unread);
	if (peer && s->base.type != SOCK_DGRAM)
		peer_closed(peer, s, reset);
	usock_put(peer);
	free_messages(&unread);
	usock_put(s);
}

static void unix_close(struct socket *base)
{
	struct list_head orphans = LIST_HEAD_INIT(orphans);
	struct usock *s = usock_of(base);

	close_one(s, &orphans, false);
	while ((s = list_take_first(&orphans, struct usock, in_backlog)) != NULL)
		close_one(s, &orphans, true); /* an unaccepted one has no backlog */
}

/* Current's credentials, for SO_PEERGROUPS. With a reference. */
static struct cred *own_groups(void)
{
	refcount_inc(&current->cred->count);
	return current->cred;
}

static int unix_pair(struct socket *first, struct socket *second)
{
	struct usock *a = usock_of(first), *b = usock_of(second);

	a->peer = usock_get(b);
	b->peer = usock_get(a);
	a->state = b->state = SOCKET_CONNECTED;
	a->peer_cred = b->peer_cred = current_ucred();
	a->peer_groups = own_groups();
	b->peer_groups = own_groups();
	return 0;
}

static void unix_peer_cred(struct socket *base, struct ucred *to)
{
	struct usock *s = usock_of(base);

	guard_mutex(&s->lock);
	*to = s->peer_cred;
}

static struct cred *unix_peer_groups(struct socket *base)
{
	struct usock *s = usock_of(base);

	guard_mutex(&s->lock);
	if (s->peer_groups)
		refcount_inc(&s->peer_groups->count);
	return s->peer_groups;
}

/* ---- names ---- */

static bool is_abstract(const struct unix_name *n)
{
	return n->addr.sun_path[0] == '\0';
}

static bool same_name(const struct unix_name *a, const struct unix_name *b)
{
	return a->len == b->len && !memcmp(&a->addr, &b->addr, a->len);
}

static int check_name(const struct sockaddr_un *addr, u32 len)
{
	if (len <= NAME_START || len > sizeof(*addr) || addr->sun_family != AF_UNIX)
		return -EINVAL;
	return 0;
}

/* A path ends at its first NUL byte, or where the structure ends; `len` may count a NUL after that.
 */
static struct unix_name *name_create(const struct sockaddr_un *addr, u32 len)
{
	struct unix_name *n = kzalloc(sizeof(*n) + 1);

	if (!n)
		return NULL;
	memcpy(&n->addr, addr, len);
	n->len = len;
	if (!is_abstract(n))
		n->len = (u32)(NAME_START + strlen(n->addr.sun_path) + 1);
	return n;
}

/* The list of sockets that are bound to this inode, or to this abstract name. */
static struct list_head *bound_list(const struct unix_name *name, const struct inode *inode)
{
	u32 hash = inode ? name_hash((const char *)&inode, sizeof(inode))
			 : name_hash((const char *)&name->addr, name->len);

	return &bound_sockets[hash % BOUND_LISTS];
}

/* bind_lock is held. */
static struct usock *find_bound(const struct unix_name *name, const struct inode *inode)
{
	struct usock *s;

	list_for_each_entry (s, bound_list(name, inode), bound)
		if (inode ? s->place && s->place->inode == inode
			  : !s->place && same_name(s->name, name))
			return s;
	return NULL;
}

/* With a reference; ERR_PTR. */
static struct usock *get_bound(const struct unix_name *name, const struct inode *inode)
{
	struct usock *s;

	guard_spin(&bind_lock);
	s = find_bound(name, inode);
	return s ? usock_get(s) : ERR_PTR(-ECONNREFUSED);
}

static int bind_abstract(struct usock *s, struct unix_name *n)
{
	guard_spin(&bind_lock);
	if (find_bound(n, NULL))
		return -EADDRINUSE;
	s->name = n;
	list_add_tail(&s->bound, bound_list(n, NULL));
	return 0;
}

static int bind_path(struct usock *s, struct unix_name *n)
{
	struct node_spec spec = {.mode = S_IFSOCK | S_IRWXUGO, .umask = fs_umask()};
	struct dentry *d;
	int err = fs_make_node(AT_FDCWD, n->addr.sun_path, &spec, &d);

	if (err)
		return err == -EEXIST ? -EADDRINUSE : err;
	dentry_pin(d);
	dentry_put(d);
	guard_spin(&bind_lock);
	s->name = n;
	s->place = d;
	list_add_tail(&s->bound, bound_list(NULL, d->inode));
	return 0;
}

/* Autobind: find a free abstract name of five hexadecimal digits. */
static int bind_any(struct usock *s, struct unix_name *n)
{
	static u32 last; /* atomic */
	int err = -EADDRINUSE;

	n->len = NAME_START + 6;
	for (u32 tries = 0; tries < 0x100000 && err == -EADDRINUSE; tries++) {
		snprintf(n->addr.sun_path + 1, 6, "%05x",
			 __atomic_add_fetch(&last, 1, __ATOMIC_RELAXED) & 0xfffff);
		err = bind_abstract(s, n);
	}
	return err;
}

static int unix_bind(struct socket *base, const union address *to, u32 len)
{
	const struct sockaddr_un *addr = &to->un;
	struct usock *s = usock_of(base);
	bool any = len == NAME_START && addr->sun_family == AF_UNIX;
	int err = any ? 0 : check_name(addr, len);
	struct unix_name *n;

	if (err)
		return err;
	n = name_create(addr, len);
	if (!n)
		return -ENOMEM;
	mutex_lock(&s->lock);
	if (s->name)
		err = any                                                       ? 0
		      : !is_abstract(n) && kernel_path_exists(n->addr.sun_path) ? -EADDRINUSE
										: -EINVAL;
	else if (any)
		err = bind_any(s, n);
	else
		err = is_abstract(n) ? bind_abstract(s, n) : bind_path(s, n);
	any = s->name == n;
	mutex_unlock(&s->lock);
	if (!any)
		kfree(n);
	return err;
}

static struct usock *find_by_path(const char *path)
{
	struct dentry *d scoped(dentry_put) = path_lookup(AT_FDCWD, path, WALK_FOLLOW);
	int err = IS_ERR(d) ? (int)PTR_ERR(d) : inode_permission(d->inode, MAY_WRITE);

	if (err)
		return ERR_PTR(err);
	return inode_is(d->inode, S_IFSOCK) ? get_bound(NULL, d->inode) : ERR_PTR(-ECONNREFUSED);
}

struct usock *unix_find(const struct sockaddr_un *addr, u32 len, int type)
{
	int err = check_name(addr, len);
	struct usock *s;

	if (err)
		return ERR_PTR(err);
	struct unix_name *n scoped(kfree) = name_create(addr, len);
	if (!n)
		return ERR_PTR(-ENOMEM);
	s = is_abstract(n) ? get_bound(n, NULL) : find_by_path(n->addr.sun_path);
	if (IS_ERR(s) || s->base.type == type)
		return s;
	usock_put(s);
	return ERR_PTR(-EPROTOTYPE);
}

/* ---- connections ---- */

static int unix_listen(struct socket *base, int backlog)
{
	struct usock *s = usock_of(base);
	struct cred *old;

	if (s->base.type == SOCK_DGRAM)
		return -EOPNOTSUPP;
	guard_mutex(&s->lock);
	if (!s->name || s->state == SOCKET_CONNECTED)
		return -EINVAL;
	s->state = SOCKET_LISTENS;
	base->listens = true;
	s->backlog_max = (u32)backlog;
	s->cred = current_ucred();
	old = s->groups;
	s->groups = own_groups();
	if (old)
		put_cred(old);
	wake_up_all(&s->write_wait);
	return 0;
}

static bool backlog_open(const struct usock *l)
{
	return READ_ONCE(l->backlog_nr) <= READ_ONCE(l->backlog_max) ||
	       READ_ONCE(l->state) != SOCKET_LISTENS || READ_ONCE(l->shut);
}

/* The socket takes no connections, or no more. It is locked. */
static bool refuses(const struct usock *l)
{
	return l->state != SOCKET_LISTENS || (l->shut & SHUT_RECEIVE);
}

/* Connect `s` with `other`, which waits in the backlog of `l`. `s` and `l` are locked. */
static void join(struct usock *s, struct usock *l, struct usock *other)
{
	other->peer = usock_get(s);
	other->state = SOCKET_CONNECTED;
	other->peer_cred = current_ucred();
	other->peer_groups = own_groups();
	s->peer = usock_get(other);
	s->state = SOCKET_CONNECTED;
	s->peer_cred = l->cred;
	refcount_inc(&l->groups->count);
	s->peer_groups = l->groups;
	list_add_tail(&other->in_backlog, &l->backlog);
	WRITE_ONCE(l->backlog_nr, l->backlog_nr + 1);
}

/* Check that the socket may be connected. 0 or -errno. */
static int may_join(const struct usock *s)
{
	enum usock_state state = READ_ONCE(s->state);

	return state == SOCKET_NEW ? 0 : state == SOCKET_CONNECTED ? -EISCONN : -EINVAL;
}

/* The listener `l` stays locked. A socket that listens, such as `l` itself, is never locked below
 * it, or two listeners could deadlock. A new socket may begin to listen before it is locked here,
 * but then its own connect(2) finds `l` no longer new. */
static int join_if_free(struct usock *s, struct usock *l, struct usock *other)
{
	int err = may_join(s);

	if (err)
		return err;
	mutex_lock_nested(&s->lock);
	err = may_join(s);
	if (!err)
		join(s, l, other);
	mutex_unlock(&s->lock);
	return err;
}

/* Put `other`, the far end of `s`, into the backlog of `l`. */
static int knock(struct usock *s, struct usock *l, struct usock *other, u64 until)
{
	int err = 0;

	mutex_lock(&l->lock);
	while (!err && !refuses(l) && l->backlog_nr > l->backlog_max)
		err = socket_wait_unlocked(&l->lock, &l->write_wait, until, backlog_open(l));
	if (!err)
		err = refuses(l) ? -ECONNREFUSED : join_if_free(s, l, other);
	mutex_unlock(&l->lock);
	if (!err)
		wake_up_all(&l->read_wait);
	return err;
}

/* A new socket with the listener's name, but not bound to it. */
static struct usock *accepted_socket(struct usock *l)
{
	struct usock *n = usock_create(l->base.type);

	if (!n)
		return NULL;
	n->name = name_create(&l->name->addr, l->name->len);
	if (!n->name) {
		usock_put(n);
		return NULL;
	}
	n->base.opt.sndbuf = READ_ONCE(l->base.opt.sndbuf);
	n->base.opt.bits = READ_ONCE(l->base.opt.bits) & (SO_BIT(SO_PASSCRED) | SO_BIT(SO_PASSSEC));
	return n;
}

static int connect_stream(struct usock *s, const struct sockaddr_un *addr, u32 len, u64 until)
{
	struct usock *l scoped(usock_put) = unix_find(addr, len, s->base.type), *other;
	int err = -ENOMEM;

	if (IS_ERR(l))
		return (int)PTR_ERR(l);
	other = accepted_socket(l);
	if (other)
		err = knock(s, l, other, until);
	if (err)
		usock_put(other);
	return err;
}

void unix_leave_peer(struct usock *s, struct usock *old)
{
	struct list_head unread = LIST_HEAD_INIT(unread);
	bool lost;

	unix_forget_room(s);
	mutex_lock(&s->lock);
	lost = !list_empty(&s->queue);
	list_splice_tail(&s->queue, &unread);
	WRITE_ONCE(s->backlog_nr, 0);
	mutex_unlock(&s->lock);
	wake_up_all(&s->write_wait);
	if (!lost)
		return;
	unix_room_for_all(s);
	free_messages(&unread);
	mutex_lock(&old->lock);
	if (old->state != SOCKET_CLOSED && old->peer == s)
		socket_set_error(&old->base, ECONNRESET);
	mutex_unlock(&old->lock);
	wake_both(old);
}

/* Set the peer of a datagram socket; AF_UNSPEC: none. */
static int connect_datagram(struct usock *s, const struct sockaddr_un *addr, u32 len)
{
	struct usock *peer = NULL, *old;
	bool known;

	if (addr->sun_family != AF_UNSPEC) {
		peer = unix_find(addr, len, s->base.type);
		if (IS_ERR(peer))
			return (int)PTR_ERR(peer);
		mutex_lock(&peer->lock);
		known = !peer->peer || peer->peer == s;
		mutex_unlock(&peer->lock);
		if (!known) {
			usock_put(peer);
			return -EPERM;
		}
	}
	mutex_lock(&s->lock);
	old = unix_set_peer(s, peer);
	s->state = peer ? SOCKET_CONNECTED : SOCKET_NEW;
	mutex_unlock(&s->lock);
	if (old && old != peer)
		unix_leave_peer(s, old);
	usock_put(old);
	return 0;
}

static int unix_connect(struct socket *base, const union address *to, u32 len, u64 until)
{
	const struct sockaddr_un *addr = &to->un;
	struct usock *s = usock_of(base);

	if (len < sizeof(addr->sun_family))
		return -EINVAL;
	if (s->base.type == SOCK_DGRAM)
		return connect_datagram(s, addr, len);
	return connect_stream(s, addr, len, until);
}

static struct socket *unix_accept(struct socket *base, u64 until)
{
	struct usock *s = usock_of(base), *n;
	int err;

	if (s->base.type == SOCK_DGRAM)
		return ERR_PTR(-EOPNOTSUPP);
	guard_mutex(&s->lock);
	while (s->state != SOCKET_LISTENS || list_empty(&s->backlog)) {
		if (refuses(s))
			return ERR_PTR(-EINVAL);
		err = socket_wait_unlocked(&s->lock, &s->read_wait, until,
					   !list_empty(&s->backlog) || READ_ONCE(s->shut));
		if (err)
			return ERR_PTR(err);
	}
	n = list_take_first(&s->backlog, struct usock, in_backlog);
	WRITE_ONCE(s->backlog_nr, s->backlog_nr - 1);
	wake_up_all(&s->write_wait); /* tasks that found the backlog full */
	return &n->base;
}

static int unix_shutdown(struct socket *base, u32 how)
{
	u32 mirror = (how & SHUT_RECEIVE ? SHUT_SEND : 0) | (how & SHUT_SEND ? SHUT_RECEIVE : 0);
	struct usock *s = usock_of(base), *peer;

	mutex_lock(&s->lock);
	WRITE_ONCE(s->shut, s->shut | how);
	peer = s->peer && base->type != SOCK_DGRAM ? usock_get(s->peer) : NULL;
	mutex_unlock(&s->lock);
	wake_both(s);
	if (how & SHUT_RECEIVE)
		unix_room_for_all(s);
	if (!peer)
		return 0;
	mutex_lock(&peer->lock);
	WRITE_ONCE(peer->shut, peer->shut | mirror);
	mutex_unlock(&peer->lock);
	wake_both(peer);
	usock_put(peer);
	return 0;
}

/* ---- the family ---- */

u32 unix_write_name(const struct unix_name *n, union address *to)
{
	memset(to, 0, sizeof(*to));
	if (n) {
		to->un = n->addr;
		return n->len;
	}
	to->family = AF_UNIX;
	return NAME_START;
}

static int unix_name(struct socket *base, union address *to, enum name_of which)
{
	struct usock *s = usock_of(base),
		     *other scoped(usock_put) = which == NAME_OWN ? NULL : unix_peer(s);

	if (which != NAME_OWN && !other)
		return -ENOTCONN;
	return (int)unix_write_name(READ_ONCE((other ?: s)->name), to);
}

static void unix_buffers_changed(struct socket *base)
{
	wake_up_all(&usock_of(base)->write_wait);
}

struct socket_list unix_sockets = SOCKET_LIST_INIT(unix_sockets);

static const struct socket_ops unix_ops = {
	.list = &unix_sockets,
	.bind = unix_bind,
	.listen = unix_listen,
	.connect = unix_connect,
	.accept = unix_accept,
	.name = unix_name,
	.shutdown = unix_shutdown,
	.send = unix_send,
	.receive = unix_receive,
	.poll = unix_poll,
	.ioctl = unix_ioctl,
	.pair = unix_pair,
	.buffers_changed = unix_buffers_changed,
	.peer_cred = unix_peer_cred,
	.peer_groups = unix_peer_groups,
	.close = unix_close,
};

struct socket *unix_create(int type, int protocol)
{
	struct usock *s;

	if (protocol && protocol != AF_UNIX)
		return ERR_PTR(-EPROTONOSUPPORT);
	if (type == SOCK_RAW)
		type = SOCK_DGRAM;
	if (type != SOCK_STREAM && type != SOCK_DGRAM && type != SOCK_SEQPACKET)
		return ERR_PTR(-ESOCKTNOSUPPORT);
	s = usock_create(type);
	return s ? &s->base : ERR_PTR(-ENOMEM);
}
