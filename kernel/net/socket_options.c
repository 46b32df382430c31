/* The options of SOL_SOCKET: socket(7). */
#include "kernel/net/socket.h"
#include "kernel/time/timespec.h"
#include "mm/slab.h"

#define BUFFER_MOST 212992 /* net.core.wmem_max */

/* What an option is. Most are a number or a bit in struct socket_options. */
struct option {
	u8 name;
	u8 size; /* of its value */
	bool read_only;
	bool root_only;                               /* to be set */
	u16 families;                                 /* 0: all; otherwise bits 1 << AF_* */
	int (*set)(struct socket *s, const void *to); /* NULL: a bit. 0 or -errno */
	void (*get)(struct socket *s, void *value);   /* NULL: a bit */
};

/* ---- buffers ---- */

/* As on Linux, the size is doubled for overhead, and SO_*BUF returns the double. */
static u32 doubled(int asked, u32 most)
{
	return MAX(MIN((u32)asked, most) * 2, (u32)BUFFER_LEAST);
}

static int set_sndbuf_below(struct socket *s, int asked, u32 most)
{
	WRITE_ONCE(s->opt.sndbuf, MAX(doubled(asked, most), 2 * (u32)BUFFER_LEAST));
	s->ops->buffers_changed(s);
	return 0;
}

static int set_sndbuf(struct socket *s, const void *value)
{
	return set_sndbuf_below(s, *(const int *)value, BUFFER_MOST);
}

static int set_rcvbuf_below(struct socket *s, int asked, u32 most)
{
	WRITE_ONCE(s->opt.rcvbuf, doubled(asked, most));
	s->ops->buffers_changed(s);
	return 0;
}

static int set_rcvbuf(struct socket *s, const void *value)
{
	return set_rcvbuf_below(s, *(const int *)value, BUFFER_MOST);
}

static int force_sndbuf(struct socket *s, const void *value)
{
	return set_sndbuf_below(s, MAX(*(const int *)value, 0), INT32_MAX / 2);
}

static int force_rcvbuf(struct socket *s, const void *value)
{
	return set_rcvbuf_below(s, MAX(*(const int *)value, 0), INT32_MAX / 2);
}

static void get_sndbuf(struct socket *s, void *value)
{
	*(u32 *)value = READ_ONCE(s->opt.sndbuf);
}

static void get_rcvbuf(struct socket *s, void *value)
{
	*(u32 *)value = READ_ONCE(s->opt.rcvbuf);
}

/* ---- times ---- */

/* 0 means none, and so does a time that has passed for ever (negative): then calls do not wait. */
static int set_time(u64 *ns, const void *value)
{
	const struct timeval *tv = value;

	if (tv->tv_usec < 0 || tv->tv_usec >= (s64)(NSEC_PER_SEC / NSEC_PER_USEC))
		return -EDOM;
	if (tv->tv_sec < 0)
		WRITE_ONCE(*ns, 1);
	else if ((u64)tv->tv_sec >= TIME_FOREVER / NSEC_PER_SEC / 2)
		WRITE_ONCE(*ns, 0);
	else
		WRITE_ONCE(*ns, (u64)tv->tv_sec * NSEC_PER_SEC + (u64)tv->tv_usec * NSEC_PER_USEC);
	return 0;
}

static void get_time(u64 ns, void *value)
{
	struct timeval *tv = value;

	tv->tv_sec = (s64)(ns / NSEC_PER_SEC);
	tv->tv_usec = (s64)(ns % NSEC_PER_SEC / NSEC_PER_USEC);
}

static int set_rcvtimeo(struct socket *s, const void *value)
{
	return set_time(&s->opt.receive_ns, value);
}

static int set_sndtimeo(struct socket *s, const void *value)
{
	return set_time(&s->opt.send_ns, value);
}

static void get_rcvtimeo(struct socket *s, void *value)
{
	get_time(READ_ONCE(s->opt.receive_ns), value);
}

static void get_sndtimeo(struct socket *s, void *value)
{
	get_time(READ_ONCE(s->opt.send_ns), value);
}

/* ---- numbers ---- */

static void set_bit(struct socket *s, int name, bool on)
{
	if (on)
		__atomic_or_fetch(&s->opt.bits, SO_BIT(name), __ATOMIC_RELAXED);
	else
		__atomic_and_fetch(&s->opt.bits, ~SO_BIT(name), __ATOMIC_RELAXED);
}

static int set_linger(struct socket *s, const void *value)
{
	const struct {
		int on, seconds;
	} *l = value;

	if (l->on)
		WRITE_ONCE(s->opt.linger, (u32)l->seconds);
	set_bit(s, SO_LINGER, l->on);
	return 0;
}

static void get_linger(struct socket *s, void *value)
{
	((int *)value)[0] = socket_option(s, SO_LINGER);
	((int *)value)[1] = (int)READ_ONCE(s->opt.linger);
}

/* Each of the two kinds of time stamp switches the other off. */
static int set_timestamp(struct socket *s, const void *value)
{
	set_bit(s, SO_TIMESTAMPNS_OLD, false);
	set_bit(s, SO_TIMESTAMP_OLD, *(const int *)value);
	return 0;
}

static int set_timestampns(struct socket *s, const void *value)
{
	set_bit(s, SO_TIMESTAMP_OLD, false);
	set_bit(s, SO_TIMESTAMPNS_OLD, *(const int *)value);
	return 0;
}

static int set_rcvlowat(struct socket *s, const void *value)
{
	int n = *(const int *)value;

	WRITE_ONCE(s->opt.rcvlowat, n < 0 ? INT32_MAX : MAX(n, 1));
	return 0;
}

static void get_rcvlowat(struct socket *s, void *value)
{
	*(int *)value = READ_ONCE(s->opt.rcvlowat);
}

static void get_sndlowat(struct socket *s __maybe_unused, void *value)
{
	*(int *)value = 1;
}

/* Priorities above 6 are root's. */
static int set_priority(struct socket *s, const void *value)
{
	int n = *(const int *)value;

	if ((n < 0 || n > 6) && !cred_is_root(current->cred))
		return -EPERM;
	WRITE_ONCE(s->opt.priority, n);
	return 0;
}

static void get_priority(struct socket *s, void *value)
{
	*(int *)value = READ_ONCE(s->opt.priority);
}

static int set_mark(struct socket *s, const void *value)
{
	WRITE_ONCE(s->opt.mark, *(const int *)value);
	return 0;
}

static void get_mark(struct socket *s, void *value)
{
	*(int *)value = READ_ONCE(s->opt.mark);
}

static int set_peek_off(struct socket *s, const void *value)
{
	WRITE_ONCE(s->opt.peek_off, *(const int *)value);
	return 0;
}

static void get_peek_off(struct socket *s, void *value)
{
	*(int *)value = READ_ONCE(s->opt.peek_off);
}

/* ---- facts ---- */

static void get_type(struct socket *s, void *value)
{
	*(int *)value = s->type;
}

static void get_domain(struct socket *s, void *value)
{
	*(int *)value = s->family;
}

static void get_protocol(struct socket *s, void *value)
{
	*(int *)value = s->protocol;
}

static void get_error(struct socket *s, void *value)
{
	*(int *)value = -socket_take_error(s);
}

static void get_acceptconn(struct socket *s, void *value)
{
	*(int *)value = READ_ONCE(s->listens);
}

static void get_peercred(struct socket *s, void *value)
{
	*(struct ucred *)value = (struct ucred){.uid = (u32)-1, .gid = (u32)-1};
	if (s->ops->peer_cred)
		s->ops->peer_cred(s, value);
}

/* ---- the table ---- */

#define UNIX_ONLY (1 << AF_UNIX)
#define INET_ONLY (1 << AF_INET | 1 << AF_INET6)
#define BIT(nm, ...)                                           \
	{                                                      \
		.name = (nm), .size = sizeof(int), __VA_ARGS__ \
	}
#define NUMBER(nm, st, gt, ...)                                                          \
	{                                                                                \
		.name = (nm), .size = sizeof(int), .set = (st), .get = (gt), __VA_ARGS__ \
	}
#define FACT(nm, gt, n)                                                   \
	{                                                                 \
		.name = (nm), .size = (n), .read_only = true, .get = (gt) \
	}

static const struct option options[] = {
	BIT(SO_DEBUG, .root_only = true),
	BIT(SO_REUSEADDR),
	BIT(SO_DONTROUTE), /* every address is local */
	BIT(SO_BROADCAST),
	BIT(SO_KEEPALIVE),
	BIT(SO_OOBINLINE),
	BIT(SO_NO_CHECK), /* there are no checksums */
	BIT(SO_REUSEPORT, .families = INET_ONLY),
	BIT(SO_PASSCRED, .families = UNIX_ONLY),
	BIT(SO_PASSSEC, .families = UNIX_ONLY), /* there are no security labels */
	BIT(SO_TIMESTAMP_OLD, .set = set_timestamp),
	BIT(SO_TIMESTAMPNS_OLD, .set = set_timestampns),
	NUMBER(SO_SNDBUF, set_sndbuf, get_sndbuf),
	NUMBER(SO_RCVBUF, set_rcvbuf, get_rcvbuf),
	NUMBER(SO_SNDBUFFORCE, force_sndbuf, NULL, .root_only = true),
	NUMBER(SO_RCVBUFFORCE, force_rcvbuf, NULL, .root_only = true),
	NUMBER(SO_RCVLOWAT, set_rcvlowat, get_rcvlowat),
	NUMBER(SO_PRIORITY, set_priority, get_priority),
	NUMBER(SO_MARK, set_mark, get_mark, .root_only = true),
	NUMBER(SO_PEEK_OFF, set_peek_off, get_peek_off),
	{.name = SO_LINGER, .size = 2 * sizeof(int), .set = set_linger, .get = get_linger},
	{.name = SO_RCVTIMEO_OLD,
	 .size = sizeof(struct timeval),
	 .set = set_rcvtimeo,
	 .get = get_rcvtimeo},
	{.name = SO_SNDTIMEO_OLD,
	 .size = sizeof(struct timeval),
	 .set = set_sndtimeo,
	 .get = get_sndtimeo},
	FACT(SO_TYPE, get_type, sizeof(int)),
	FACT(SO_DOMAIN, get_domain, sizeof(int)),
	FACT(SO_PROTOCOL, get_protocol, sizeof(int)),
	FACT(SO_ERROR, get_error, sizeof(int)),
	FACT(SO_ACCEPTCONN, get_acceptconn, sizeof(int)),
	FACT(SO_SNDLOWAT, get_sndlowat, sizeof(int)),
	FACT(SO_PEERCRED, get_peercred, sizeof(struct ucred)),
};

static const struct option *find_option(int name)
{
	for (u32 i = 0; i < ARRAY_SIZE(options); i++)
		if (options[i].name == name)
			return &options[i];
	return NULL;
}

static int set_option(struct socket *s, int name, const void __user *uvalue, u32 len)
{
	const struct option *o = find_option(name);
	u64 value[2] = {0};

	if (len < sizeof(int))
		return -EINVAL;
	if (get_user(*(int *)value, (const int __user *)uvalue))
		return -EFAULT;
	if (!o || o->read_only)
		return -ENOPROTOOPT;
	if (o->families && !(o->families >> s->family & 1))
		return -EOPNOTSUPP;
	if (o->root_only && !cred_is_root(current->cred) && (name != SO_DEBUG || *(int *)value))
		return name == SO_DEBUG ? -EACCES : -EPERM;
	if (len < o->size)
		return -EINVAL;
	if (copy_from_user(value, uvalue, o->size))
		return -EFAULT;
	if (o->set)
		return o->set(s, value);
	set_bit(s, name, *(int *)value);
	return 0;
}

long sys_setsockopt(int fd, int level, int name, const void __user *uvalue, int len)
{
	struct socket *s scoped(put_socket) = get_socket(fd);

	if (IS_ERR(s))
		return PTR_ERR(s);
	if (len < 0)
		return -EINVAL;
	if (level == SOL_SOCKET)
		return set_option(s, name, uvalue, (u32)len);
	return s->ops->set_option ? s->ops->set_option(s, level, name, uvalue, (u32)len)
				  : -EOPNOTSUPP;
}

/* The bytes written to `value`, or -errno. */
static int get_option(struct socket *s, int name, void *value)
{
	const struct option *o = find_option(name);

	if (!o || (o->set && !o->get && o->root_only))
		return -ENOPROTOOPT;
	if (o->families == UNIX_ONLY && s->family != AF_UNIX)
		return -EOPNOTSUPP;
	if (o->get)
		o->get(s, value);
	else
		*(int *)value = socket_option(s, name);
	return o->size;
}

/* The supplementary groups of the peer: too many to be a value as others are. */
static int get_peergroups(struct socket *s, void __user *to, int __user *ulen, int room)
{
	struct cred *c scoped(put_cred) = s->ops->peer_groups ? s->ops->peer_groups(s) : NULL;
	int need;

	if (!c)
		return -ENODATA;
	need = c->ngroups * (int)sizeof(gid_t);
	if (room < need)
		return put_user(need, ulen) ? -EFAULT : -ERANGE;
	return copy_to_user(to, c->groups, (size_t)need) || put_user(need, ulen) ? -EFAULT : 0;
}

long sys_getsockopt(int fd, int level, int name, void __user *to, int __user *ulen)
{
	struct socket *s scoped(put_socket) = get_socket(fd);
	u64 value[OPTION_SIZE / sizeof(u64)];
	int room, n;

	if (IS_ERR(s))
		return PTR_ERR(s);
	if (level != SOL_SOCKET && !s->ops->get_option)
		return -EOPNOTSUPP;
	if (get_user(room, ulen))
		return -EFAULT;
	if (room < 0)
		return -EINVAL;
	if (level == SOL_SOCKET && name == SO_PEERGROUPS)
		return get_peergroups(s, to, ulen, room);
	n = level == SOL_SOCKET ? get_option(s, name, value)
				: s->ops->get_option(s, level, name, value, (u32)room);
	if (n < 0)
		return n;
	n = MIN(n, room);
	return copy_to_user(to, value, (size_t)n) || put_user(n, ulen) ? -EFAULT : 0;
}
