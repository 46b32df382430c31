/*
 * A pairing heap: a tree in which no timer expires before its parent.
 *
 * Each node links to its first child and to its siblings; `prev` of a first child is its parent.
 * Inserting is one comparison; removing pairs off the children of the removed node, which is O(log
 * n) over time. Nothing is allocated: the links are in the timers.
 */
#include "kernel/time/heap.h"

/* One of two roots becomes the first child of the other. Equal times: `a` stays on top. */
static struct timer *merge(struct timer *a, struct timer *b)
{
	if (!a)
		return b;
	if (!b)
		return a;
	if (b->expires < a->expires) {
		struct timer *t = a;

		a = b;
		b = t;
	}
	b->prev = a;
	b->next = a->child;
	if (b->next)
		b->next->prev = b;
	a->child = b;
	return a;
}

/* One heap of a list of siblings: first each two neighbours from left to right, then the pairs from
 * right to left. That order is what makes the heap's cost logarithmic. */
static struct timer *merge_siblings(struct timer *first)
{
	struct timer *pairs = NULL, *root = NULL;

	while (first) {
		struct timer *a = first, *b = first->next, *rest = b ? b->next : NULL;

		a->prev = a->next = NULL;
		if (b)
			b->prev = b->next = NULL;
		a = merge(a, b);
		a->next = pairs; /* a stack of pairs, the rightmost on top */
		pairs = a;
		first = rest;
	}
	while (pairs) {
		struct timer *rest = pairs->next;

		pairs->next = NULL;
		root = merge(root, pairs);
		pairs = rest;
	}
	return root;
}

struct timer *timer_heap_insert(struct timer *root, struct timer *t)
{
	t->child = t->next = t->prev = NULL;
	return merge(root, t);
}

/* Take a node that is not the root out of its parent's list of children. */
static void cut(struct timer *t)
{
	if (t->prev->child == t)
		t->prev->child = t->next;
	else
		t->prev->next = t->next;
	if (t->next)
		t->next->prev = t->prev;
}

struct timer *timer_heap_remove(struct timer *root, struct timer *t)
{
	struct timer *below = merge_siblings(t->child);

	if (t != root) {
		cut(t);
		below = merge(root, below);
	}
	t->child = t->next = t->prev = NULL;
	return below;
}
