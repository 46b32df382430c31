/*
 * A leftist heap: a binary tree in which no key is smaller than its parent's, and in which the
 * rightmost path out of each subtree is the shortest one.
 *
 * So that path has at most log2(n + 1) nodes, whatever was inserted and removed before, and inserts
 * and removals are merges along it. Nothing is allocated: the links are in the objects.
 */
#include "kernel/time/heap.h"

static u32 rank(const struct heap_node *n)
{
	return n ? n->rank : 0;
}

/* Put the subtree with the shorter path on the right. True when the rank changes. */
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

/* Merge two heaps, either of which may be NULL. With equal keys `a` stays on top. */
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

/* Nodes above need an update only as far as ranks change: at most log2(n + 1), since ranks grow
 * only along a path to the right, and a rank that shrinks is above a smaller one. */
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
