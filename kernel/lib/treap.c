/* Search trees whose shape is random: see treap.h. */
#include "kernel/lib/treap.h"

struct treap_node *treap_find(struct treap_node *root, const void *key, treap_cmp cmp)
{
	int order;

	while (root && (order = cmp(key, root)) != 0)
		root = order < 0 ? root->left : root->right;
	return root;
}

/* Divide the tree `t` into what comes before `key` and what comes behind it. */
static void split(struct treap_node *t, const void *key, treap_cmp cmp, struct treap_node **before,
		  struct treap_node **behind)
{
	while (t) {
		if (cmp(key, t) < 0) {
			*behind = t;
			behind = &t->left;
			t = t->left;
		} else {
			*before = t;
			before = &t->right;
			t = t->right;
		}
	}
	*before = *behind = NULL;
}

void treap_insert(struct treap_node **root, struct treap_node *n, const void *key, treap_cmp cmp)
{
	while (*root && (*root)->prio >= n->prio)
		root = cmp(key, *root) < 0 ? &(*root)->left : &(*root)->right;
	split(*root, key, cmp, &n->left, &n->right);
	*root = n;
}

void treap_remove(struct treap_node **root, const void *key, treap_cmp cmp)
{
	struct treap_node *a, *b;
	int order;

	while ((order = cmp(key, *root)) != 0)
		root = order < 0 ? &(*root)->left : &(*root)->right;
	a = (*root)->left;
	b = (*root)->right;
	while (a && b) {
		if (a->prio >= b->prio) {
			*root = a;
			root = &a->right;
			a = a->right;
		} else {
			*root = b;
			root = &b->left;
			b = b->left;
		}
	}
	*root = a ? a : b;
}
