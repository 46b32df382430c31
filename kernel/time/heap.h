/* A heap with the smallest key at its root; all steps are short. The caller does the locking. */
#pragma once

#include "kernel/lib/types.h"

struct heap_node {
	u64 key;
	struct heap_node *left, *right, *parent;
	u32 rank; /* how many steps to the right lead out of the heap */
};

/* Both return the new root. `n`, whose key is set, is in no heap. */
struct heap_node *heap_insert(struct heap_node *root, struct heap_node *n);
/* `n` is in the heap of this root. NULL when it was the last. */
struct heap_node *heap_remove(struct heap_node *root, struct heap_node *n);
