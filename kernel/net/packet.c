/* Packets: bytes between a send and a receive, and the limit of each user's. */
#include "kernel/net/inet.h"
#include "mm/page.h"
#include "mm/slab.h"

#define CHARGE_UNIT 64 /* bytes */
#define USER_SHARE                                                                     \
	16 /* the packets of one user (root excepted) take this part of memory at most \
	    */

static int units(const struct packet *p)
{
	return (int)DIV_ROUND_UP(p->charge, CHARGE_UNIT);
}

static bool over_limit(const struct user *user, int n)
{
	return (u64)n * CHARGE_UNIT > nr_total_pages() * PAGE_SIZE / USER_SHARE && user->uid != 0;
}

struct packet *packet_create(struct uio *io, size_t n)
{
	struct packet *p = kmalloc(sizeof(*p) + n);

	if (!p)
		return ERR_PTR(-ENOBUFS);
	memset(p, 0, sizeof(*p));
	list_init(&p->link);
	p->len = (u32)n;
	p->charge = (u32)(sizeof(*p) + n);
	p->user = current->cred->user;
	refcount_inc(&p->user->count);
	if (over_limit(p->user, atomic_add_return(&p->user->packets, units(p)))) {
		packet_free(p);
		return ERR_PTR(-ENOBUFS);
	}
	if (uio_fetch(io, p->data, n) < n) {
		packet_free(p);
		return ERR_PTR(-EFAULT);
	}
	return p;
}

void packet_free(struct packet *p)
{
	atomic_add_return(&p->user->packets, -units(p));
	put_user_struct(p->user);
	kfree(p);
}

void packets_free(struct list_head *list)
{
	struct packet *p;

	while ((p = list_take_first(list, struct packet, link)) != NULL)
		packet_free(p);
}
