/* Treaps against a plain array of flags. */
#include "kernel/lib/treap.c"
#include "tests/unit/host.h"

#define KEYS 300

struct item {
	struct treap_node node;
	u32 key;
};

static struct item items[KEYS];
static bool there[KEYS];
static struct treap_node *root;
static int compare(const void *key, const struct treap_node *n)
{
	u32 k = *(const u32 *)key, have = container_of(n, struct item, node)->key;

	return k < have ? -1 : k > have;
}

/* Check the order of keys and of priorities. The number of nodes; 1000000: one is wrong. */
static u32 check_tree(const struct treap_node *n, u32 from, u32 to, u32 most)
{
	const struct item *it = container_of(n, struct item, node);

	if (!n)
		return 0;
	if (it->key < from || it->key >= to || n->prio > most)
		return 1000000;
	return 1 + check_tree(n->left, from, it->key, n->prio) +
	       check_tree(n->right, it->key + 1, to, n->prio);
}

static u32 depth(const struct treap_node *n)
{
	return n ? 1 + MAX(depth(n->left), depth(n->right)) : 0;
}

static void flip(u32 key, u32 prio)
{
	if (there[key]) {
		treap_remove(&root, &key, compare);
	} else {
		items[key].key = key;
		items[key].node.prio = prio;
		treap_insert(&root, &items[key].node, &key, compare);
	}
	there[key] = !there[key];
}

static u32 number_there(void)
{
	u32 n = 0;

	for (u32 i = 0; i < KEYS; i++)
		n += there[i];
	return n;
}

/* `prios`: the number of different priorities, which may be far too small. */
static void against_model(u32 prios)
{
	bool ok = true;

	for (u32 step = 0; step < 20000 && ok; step++) {
		u32 key = host_random_below(KEYS), asked = host_random_below(KEYS);

		flip(key, host_random_below(prios));
		ok = check_tree(root, 0, KEYS, UINT32_MAX) == number_there() &&
		     !!treap_find(root, &asked, compare) == there[asked];
	}
	CHECK(ok);
}

TEST(random_insertions_and_removals)
{
	against_model(UINT32_MAX);
}

TEST(too_few_priorities)
{
	against_model(2);
}

TEST(keys_in_order_make_no_list)
{
	for (u32 i = 0; i < KEYS; i++)
		if (there[i])
			flip(i, 0);
	CHECK(!root);
	for (u32 i = 0; i < KEYS; i++)
		flip(i, host_random());
	CHECK_EQ(number_there(), KEYS);
	CHECK(depth(root) < 40);
}

TEST_MAIN
