/* 140 lists and a bitmap of those that are not empty: one find-first-bit finds the best task. */
#pragma once

#include "kernel/lib/bitmap.h"
#include "kernel/lib/list.h"

#define PRIO_LISTS 140

struct prio_array {
	u32 nr;
	u64 bitmap[BITS_TO_WORDS(PRIO_LISTS)];
	struct list_head queue[PRIO_LISTS];
};

static inline void prio_array_init(struct prio_array *a)
{
	*a = (struct prio_array){0};
	for (int i = 0; i < PRIO_LISTS; i++)
		list_init(&a->queue[i]);
}

/* Append to the list of its priority. */
static inline void prio_array_add(struct prio_array *a, struct list_head *node, int prio)
{
	list_add_tail(node, &a->queue[prio]);
	bitmap_set(a->bitmap, prio);
	a->nr++;
}

/* Insert just ahead of `before`, a node in a list of this array: list_add_tail() inserts in front
 * of its second argument, which means at the end only if that is the head. */
static inline void prio_array_add_before(struct prio_array *a, struct list_head *node,
					 struct list_head *before)
{
	list_add_tail(node, before);
	a->nr++;
}

/* Leaves the links of the node as they are: p->array tells whether a task is queued. */
static inline void prio_array_del(struct prio_array *a, struct list_head *node, int prio)
{
	__list_remove(node->prev, node->next);
	a->nr--;
	if (list_empty(&a->queue[prio]))
		bitmap_clear(a->bitmap, prio);
}

/* The best priority that has a task, or PRIO_LISTS. */
static inline int prio_array_best(const struct prio_array *a)
{
	for (size_t i = 0; i < ARRAY_SIZE(a->bitmap); i++)
		if (a->bitmap[i])
			return (int)(i * 64) + __builtin_ctzl(a->bitmap[i]);
	return PRIO_LISTS;
}
