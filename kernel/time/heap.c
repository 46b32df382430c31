/*
 * A leftist heap: a binary tree in which no key is smaller than its parent's, and in which the way
 * out of each subtree that keeps to the right is the shortest one.
 *
 * So that way has at most log2(n + 1) nodes, whatever was inserted and removed before; and
 * inserting and removing are merges along it. Nothing is allocated: the links are in the objects.
 */
#include "kernel/time/heap.h"

static u32 rank(const struct heap_node *n)
{
	return n ? n->rank : 0;
}

/* The shorter way to the right. True when the rank is another than before. */
static bool settle(struct heap_node *n)
{
	struct heap_node *left = n->left;
	u32 old = n->rank;

	if (rank(left) < rank(n->right)) {
		n->left = n->right;
		n->right = left;
	}
	n->rank = rank(n->right) + 1;
	return n->rank != old;
}

/* One heap of two, of which either may be NULL. Equal keys: `a` stays on top. */
static struct heap_node *merge(struct heap_node *a, struct heap_node *b)
{
	struct heap_node *root = NULL, **at = &root, *above = NULL;

	while (a && b) {
		if (b->key < a->key) {
			struct heap_node *n = a;

			a = b;
			b = n;
		}
		*at = a;
		a->parent = above;
		above = a;
		at = &a->right;
		a = a->right;
	}
	if (!a)
		a = b;
	*at = a;
	if (a)
		a->parent = above;
	for (; above; above = above->parent)
		settle(above);
	return root;
}

struct heap_node *heap_insert(struct heap_node *root, struct heap_node *n)
{
	n->left = n->right = n->parent = NULL;
	n->rank = 1;
	return merge(root, n);
}

/* Those above need a look only as far as ranks change. A rank that grows does so along a way to the
 * right; one that shrinks is above a smaller one: either way there are at most log2(n + 1). */
struct heap_node *heap_remove(struct heap_node *root, struct heap_node *n)
{
	struct heap_node *above = n->parent, *below = merge(n->left, n->right);

	if (!above)
		return below;
	if (above->left == n)
		above->left = below;
	else
		above->right = below;
	if (below)
		below->parent = above;
	while (above && settle(above))
		above = above->parent;
	return root;
}
