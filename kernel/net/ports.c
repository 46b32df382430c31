/*
 * The ports of TCP and UDP: which socket holds one, and which gets what is sent there. ip(7),
 * socket(7)
 *
 * A claim is linked by its port. Sockets share a claim only as a listener and its connections do.
 * Work under the lock is bounded: a chain has a 256th of the ports, each with PORT_SHARERS claims
 * at most.
 */
#include "kernel/net/inet.h"
#include "mm/slab.h"

struct net init_net = {
	.tcp.lock = SPINLOCK_INIT(LOCK_PORTS),
	.udp.lock = SPINLOCK_INIT(LOCK_PORTS),
	.port_range = PORT_RANGE(32768, 60999),
};

static struct kmem_cache *claim_cache;

void ports_init(void)
{
	claim_cache = kmem_cache_create("port", sizeof(struct claim), 0);
	for (u32 i = 0; i < PORT_CHAINS; i++) {
		list_init(&init_net.tcp.chains[i]);
		list_init(&init_net.udp.chains[i]);
	}
}

static struct list_head *chain_of(struct ports *p, u16 port)
{
	return &p->chains[port % PORT_CHAINS];
}

/* ---- conflicts: socket(7), SO_REUSEADDR, SO_REUSEPORT ---- */

/* Some address belongs to both. The address any of IPv6 includes IPv4, unless IPV6_V6ONLY. */
static bool overlap(const struct claim *a, const struct claim *b)
{
	bool a4 = ip_is_v4(&a->at.ip), b4 = ip_is_v4(&b->at.ip);

	if (a4 != b4) {
		const struct claim *six = a4 ? b : a;

		return !six->v6only && ip_is_any(&six->at.ip);
	}
	return ip_is_any(&a->at.ip) || ip_is_any(&b->at.ip) || same_ip(&a->at.ip, &b->at.ip);
}

/* `a` is new, or about to listen. */
static bool may_share(const struct claim *a, const struct claim *b, bool udp)
{
	if (a->reuse_port && b->reuse_port && a->uid == b->uid)
		return true;
	return a->reuse_address && b->reuse_address && (udp || !b->listens);
}

static bool conflicts(const struct claim *a, const struct claim *b, bool udp)
{
	return a->at.port == b->at.port && a != b && overlap(a, b) && !may_share(a, b, udp);
}

/* The lock is held. */
static bool is_free(struct ports *p, const struct claim *c)
{
	bool udp = p == &init_net.udp;
	const struct claim *other;
	u32 sharers = 0;

	list_for_each_entry (other, chain_of(p, c->at.port), link) {
		if (conflicts(c, other, udp))
			return false;
		sharers += other->at.port == c->at.port;
	}
	return sharers < PORT_SHARERS;
}

/* Ports that wait count for bind(2) to them only. The lock is held. */
static bool still_waits(struct ports *p, const struct claim *c)
{
	u64 now = ktime_get();

	for (u32 i = 0; i < TIME_WAITS; i++)
		if (p->waits[i].until > now && conflicts(c, &p->waits[i].was, false))
			return true;
	return false;
}

static bool insert(struct ports *p, struct claim *c, bool by_hand)
{
	guard_spin(&p->lock);
	if (!is_free(p, c) || (by_hand && still_waits(p, c)))
		return false;
	list_add(&c->link, chain_of(p, c->at.port));
	p->used++;
	return true;
}

/* Try all ports of the range, from a random one on. */
static bool insert_anywhere(struct ports *p, struct claim *c, bool by_hand)
{
	u64 range = READ_ONCE(init_net.port_range);
	u32 first = range & UINT16_MAX, n = (u32)(range >> 16) - first + 1,
	    start = (u32)(random_u64() % n);

	for (u32 i = 0; i < n; i++) {
		c->at.port = (u16)(first + (start + i) % n);
		if (insert(p, c, by_hand))
			return true;
	}
	return false;
}

/* ---- claims ---- */

int port_claim(struct isock *s, const struct endpoint *at, bool by_hand)
{
	struct claim *c = kmem_cache_zalloc(claim_cache);
	struct ports *p = ports_of(s);
	bool done;

	if (!c)
		return -ENOMEM;
	c->users = 1;
	c->at = *at;
	c->ipv6 = s->base.family == AF_INET6;
	c->v6only = v6_only(s);
	c->reuse_address = socket_option(&s->base, SO_REUSEADDR);
	c->reuse_port = socket_option(&s->base, SO_REUSEPORT);
	c->uid = current->cred->euid;
	done = at->port ? insert(p, c, by_hand) : insert_anywhere(p, c, by_hand);
	if (!done) {
		kmem_cache_free(claim_cache, c);
		return -EADDRINUSE;
	}
	s->claim = c;
	s->local.port = c->at.port;
	return 0;
}

struct claim *port_share(struct isock *s)
{
	guard_spin(&ports_of(s)->lock);
	s->claim->users++;
	return s->claim;
}

static void remember_wait(struct ports *p, const struct claim *c)
{
	struct time_wait *w = &p->waits[p->next_wait++ % TIME_WAITS];

	w->was = *c;
	w->was.listens = false;
	w->until = ktime_get() + TIME_WAIT_NS;
}

void port_release(struct isock *s)
{
	struct ports *p = ports_of(s);
	struct claim *c = s->claim;
	bool last;

	if (!c)
		return;
	s->claim = NULL;
	spin_lock(&p->lock);
	if (c->receiver == s)
		c->receiver = NULL;
	c->time_wait |= s->time_wait;
	last = !--c->users;
	if (last) {
		list_del(&c->link);
		p->used--;
		if (c->time_wait)
			remember_wait(p, c);
	}
	spin_unlock(&p->lock);
	if (last)
		kmem_cache_free(claim_cache, c);
}

int port_listen(struct isock *s)
{
	struct ports *p = ports_of(s);
	struct claim *c = s->claim;

	guard_spin(&p->lock);
	c->listens = true;
	if (!is_free(p, c)) {
		c->listens = false;
		return -EADDRINUSE;
	}
	c->receiver = s;
	return 0;
}

void port_unlisten(struct isock *s)
{
	guard_spin(&ports_of(s)->lock);
	s->claim->listens = false;
	s->claim->receiver = NULL;
}

void port_receive(struct isock *s, const struct endpoint *from)
{
	guard_spin(&ports_of(s)->lock);
	s->claim->receiver = s;
	s->claim->from = from ? *from : (struct endpoint){.port = 0};
}

/* ---- finding ---- */

/* How well a claim fits what is sent: 0: not at all. */
static u32 fit(const struct claim *c, const struct endpoint *from, const struct endpoint *to)
{
	bool v4 = ip_is_v4(&to->ip), own_kind = ip_is_v4(&c->at.ip) == v4;
	u32 score = 1;

	if (c->at.port != to->port || !c->receiver)
		return 0;
	if (own_kind && same_ip(&c->at.ip, &to->ip))
		score += 2;
	else if (!ip_is_any(&c->at.ip) || (!own_kind && (!v4 || c->v6only)))
		return 0;
	else
		score += own_kind;
	if (!c->from.port)
		return score;
	return c->from.port == from->port && same_ip(&c->from.ip, &from->ip) ? score + 4 : 0;
}

/* Sockets with SO_REUSEPORT take turns by the sender's port; of others the last one bound wins. */
struct isock *port_find(struct ports *p, const struct endpoint *from, const struct endpoint *to)
{
	struct claim *c, *best = NULL;
	u32 most = 0, equals = 0, score;

	guard_spin(&p->lock);
	list_for_each_entry (c, chain_of(p, to->port), link) {
		score = fit(c, from, to);
		if (score > most ||
		    (score && score == most && c->reuse_port && from->port % (equals + 1) == 0)) {
			equals = score > most ? 1 : equals + 1;
			most = score;
			best = c;
		} else if (score && score == most) {
			equals++;
		}
	}
	return best ? isock_get(best->receiver) : NULL;
}

/* In batches, without the lock while fn runs. */
void port_each(struct ports *p, u16 port, void (*fn)(struct isock *s, void *arg), void *arg)
{
	struct isock *found[PORT_SHARERS / 16];
	u32 skip = 0, n;

	do {
		u32 at = 0;
		struct claim *c;

		n = 0;
		spin_lock(&p->lock);
		list_for_each_entry (c, chain_of(p, port), link) {
			if (c->at.port != port || !c->receiver || at++ < skip)
				continue;
			if (n == ARRAY_SIZE(found))
				break;
			found[n++] = isock_get(c->receiver);
		}
		spin_unlock(&p->lock);
		for (u32 i = 0; i < n; i++)
			fn(found[i], arg);
		skip += n;
	} while (n == ARRAY_SIZE(found));
}
