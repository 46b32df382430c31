/*
 * Search trees whose shape is random: a binary tree by key that is also a heap by priority.
 *
 * With priorities that the owner of the keys cannot predict, the depth is logarithmic whatever the
 * keys are. The nodes lie in the objects; the caller serialises. Compiles on the host:
 * tests/unit/treap_test.c.
 */
#pragma once

#include "kernel/lib/types.h"

struct treap_node {
	struct treap_node *left, *right;
	u32 prio;
};

/* Below, at or above 0: `key` comes before, equals, or comes after the node's. */
typedef int (*treap_cmp)(const void *key, const struct treap_node *n);

struct treap_node *treap_find(struct treap_node *root, const void *key,
			      treap_cmp cmp); /* or NULL */
/* Insert `n`, whose priority is set and whose key, `key`, is not in the tree. */
void treap_insert(struct treap_node **root, struct treap_node *n, const void *key, treap_cmp cmp);
/* Remove the node of this key, which is in the tree. */
void treap_remove(struct treap_node **root, const void *key, treap_cmp cmp);
