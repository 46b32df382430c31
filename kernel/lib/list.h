/* Circular doubly linked lists. The head is a node of the ring; an empty list points to itself. */
#pragma once

#include "kernel/lib/types.h"

struct list_head {
	struct list_head *next, *prev;
};

#define LIST_HEAD_INIT(name)     \
	{                        \
		&(name), &(name) \
	}

static inline void list_init(struct list_head *h)
{
	h->next = h->prev = h;
}

static inline bool list_empty(const struct list_head *h)
{
	return h->next == h;
}

static inline void __list_insert(struct list_head *n, struct list_head *prev,
				 struct list_head *next)
{
	n->prev = prev;
	n->next = next;
	prev->next = n;
	next->prev = n;
}

/* Insert right after `h`: at the front when `h` is the head. */
static inline void list_add(struct list_head *n, struct list_head *h)
{
	__list_insert(n, h, h->next);
}

/* Insert right before `h`: at the end of the list if `h` is the head. */
static inline void list_add_tail(struct list_head *n, struct list_head *h)
{
	__list_insert(n, h->prev, h);
}

/* A non-canonical address: to go on from a removed node, or to remove it again, faults. */
#define LIST_POISON ((struct list_head *)0xdead000000000100)

static inline void __list_remove(struct list_head *prev, struct list_head *next)
{
	next->prev = prev;
	prev->next = next;
}

static inline void list_del(struct list_head *n)
{
	__list_remove(n->prev, n->next);
	n->next = LIST_POISON;
	if (DEBUG_CHECKS)
		n->prev = LIST_POISON;
}

/* Remove and leave the node as an empty list, so that list_empty() can ask whether it is queued. */
static inline void list_del_init(struct list_head *n)
{
	__list_remove(n->prev, n->next);
	list_init(n);
}

static inline void list_move_tail(struct list_head *n, struct list_head *h)
{
	__list_remove(n->prev, n->next);
	list_add_tail(n, h);
}

/* Move all of `from` to the end of `to`; `from` is empty then. */
static inline void list_splice_tail(struct list_head *from, struct list_head *to)
{
	if (list_empty(from))
		return;
	from->next->prev = to->prev;
	to->prev->next = from->next;
	from->prev->next = to;
	to->prev = from->prev;
	list_init(from);
}

#define list_entry(ptr, type, member)        container_of(ptr, type, member)
#define list_first_entry(head, type, member) list_entry((head)->next, type, member)
#define list_last_entry(head, type, member)  list_entry((head)->prev, type, member)

/* Remove the first entry and return it; NULL: the list is empty. */
#define list_take_first(head, type, member)                                        \
	({                                                                         \
		struct list_head *head_ = (head), *first_ = head_->next;           \
		if (first_ != head_)                                               \
			list_del_init(first_);                                     \
		first_ != head_ ? list_entry(first_, type, member) : (type *)NULL; \
	})

#define list_for_each_entry(pos, head, member)                                             \
	for (pos = list_entry((head)->next, typeof(*pos), member); &pos->member != (head); \
	     pos = list_entry(pos->member.next, typeof(*pos), member))

/* `pos` may be removed inside the loop. */
#define list_for_each_entry_safe(pos, n, head, member)              \
	for (pos = list_entry((head)->next, typeof(*pos), member),  \
	    n = list_entry(pos->member.next, typeof(*pos), member); \
	     &pos->member != (head); pos = n, n = list_entry(n->member.next, typeof(*n), member))
