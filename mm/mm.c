/*
 * Address spaces as a whole: made by exec, cloned by fork, torn down when the last task leaves.
 *
 * Two counts. `users` counts the tasks that use the address space: when it drops to 0, everything
 * is unmapped. `count` keeps the struct and the root table alive: a CPU may still have the root
 * loaded while it runs a kernel thread, which needs no user memory.
 */
#include "mm/mm.h"

#include "kernel/lib/log.h"
#include "kernel/lib/string.h"
#include "kernel/lib/tunable.h"
#include "mm/area.h"
#include "mm/slab.h"
#include "mm/tree.h"

#define NO_LIMIT      (~0UL)
#define DEFAULT_STACK (8UL << 20)
/* mmap() begins this far below the top of the address space: room for a stack to grow. */
#define MMAP_TOP_ROOM (128UL << 20)

long fork_share = SHARE_TREE;
static const char *const fork_share_words[] = {"pages", "tables", "tree", NULL};
TUNABLE(fork_share, "fork.share", fork_share, SHARE_PAGES, SHARE_TREE, fork_share_words,
	"how deep fork shares: pages (copy all tables), tables (share leaf tables), tree (share all)");

/* arch_paging_init() sets the root. */
struct mm init_mm = {
	.lock = MUTEX_INIT(init_mm.lock, LOCK_MM),
	.users = REFCOUNT_INIT(1),
	.count = REFCOUNT_INIT(2), /* its users, and the CPU that boots with it loaded */
};

const struct mapped_file_ops *mapped_files;
struct page *zero_page;
static struct kmem_cache *mm_cache;

void mm_init(void)
{
	mm_cache = kmem_cache_create("mm", sizeof(struct mm), 0);
	object_init();
	area_tree_init();
	zero_page = alloc_page(ALLOC_ZERO);
	if (!zero_page)
		panic("no memory for the zero page\n");
	zero_page->flags |= PG_ZERO;
}

static spinlock_t mm_list_lock = SPINLOCK_INIT(LOCK_MMLIST);
static u64 last_mm_id; /* mm_list_lock */
static struct list_head all_mms = LIST_HEAD_INIT(all_mms);

struct mm *mm_next(struct mm *prev)
{
	struct list_head *at;
	struct mm *found = NULL;

	spin_lock(&mm_list_lock);
	for (at = prev ? prev->all.next : all_mms.next; at != &all_mms && !found; at = at->next) {
		struct mm *mm = list_entry(at, struct mm, all);

		if (refcount_inc_not_zero(&mm->users))
			found = mm;
	}
	spin_unlock(&mm_list_lock);
	if (prev)
		mm_put(prev);
	return found;
}

#define INHERITED offsetof(struct mm, mmap_base)

static void copy_inherited(struct mm *mm, const struct mm *parent)
{
	memcpy((char *)mm + INHERITED, (const char *)parent + INHERITED, sizeof(*mm) - INHERITED);
	mm->peak_mapped = mm->nr_mapped;
	mm->peak_resident = mm->rss.anon + mm->rss.shared;
}

static void nothing_inherited(struct mm *mm)
{
	memset((char *)mm + INHERITED, 0, sizeof(*mm) - INHERITED);
	mm->mmap_base = TASK_SIZE - MMAP_TOP_ROOM;
	mm->limit_stack = DEFAULT_STACK;
	mm->dumpable = 1;
	mm->limit_data = mm->limit_as = NO_LIMIT;
}

/* Make an empty mm, with the limits and addresses of `parent`, which is locked; NULL: defaults. */
static struct mm *new_mm(const struct mm *parent)
{
	struct mm *mm = kmem_cache_alloc(mm_cache);

	if (!mm)
		return NULL;
	memset(mm, 0, INHERITED);
	if (!tree_create(mm)) {
		kmem_cache_free(mm_cache, mm);
		return NULL;
	}
	mutex_init(&mm->lock, LOCK_MM);
	refcount_set(&mm->users, 1);
	refcount_set(&mm->count, 1);
	mm->limit_lock = NO_LIMIT;
	if (parent)
		copy_inherited(mm, parent);
	else
		nothing_inherited(mm);
	spin_lock(&mm_list_lock);
	mm->id = ++last_mm_id;
	list_add_tail(&mm->all, &all_mms);
	spin_unlock(&mm_list_lock);
	return mm;
}

struct mm *mm_create(void)
{
	return new_mm(NULL);
}

struct mm *mm_clone(struct mm *src)
{
	struct mm *mm;
	int err;

	mutex_lock(&src->lock);
	mm = new_mm(src);
	if (!mm) {
		mutex_unlock(&src->lock);
		return NULL;
	}
	err = tree_clone(mm, src, (enum fork_share)READ_ONCE(fork_share));
	if (!err) {
		area_set_get(src->areas);
		mm->areas = src->areas;
		mm->exe = src->exe;
		if (mm->exe)
			mapped_files->hold(mm->exe);
	}
	mutex_unlock(&src->lock);
	if (!err && mm->fork_flags)
		err = mm_fork_advice(mm);
	if (err) {
		mm_put(mm);
		return NULL;
	}
	return mm;
}

/* The last user does not take mm->lock: no other task can reach the mm any more. */
void mm_put(struct mm *mm)
{
	if (!refcount_dec_and_test(&mm->users))
		return;
	spin_lock(&mm_list_lock);
	list_del_init(&mm->all);
	spin_unlock(&mm_list_lock);
	arch_leave_mm(mm);
	if (DEBUG_CHECKS)
		tree_check_counts(mm);
	tree_destroy(mm);
	area_set_put(mm->areas);
	mm->areas = NULL;
	if (mm->exe)
		mapped_files->put(mm->exe);
	mm->exe = NULL;
	mm_drop(mm);
}

void mm_drop(struct mm *mm)
{
	if (!refcount_dec_and_test(&mm->count))
		return;
	BUG_ON(mm == &init_mm);
	tree_free_root(mm);
	kmem_cache_free(mm_cache, mm);
}
