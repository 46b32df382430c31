/*
 * The page-table tree, the areas and the fault handler together: random operations on many address
 * spaces, compared with a flat model that has no tables.
 *
 * After each step, walks check the one rule, every reference count, the number of entries in each
 * table, and the number of pages in use. Allocations fail at random; an operation that fails must
 * change nothing. User accesses go through a model of a TLB, which keeps each entry until it is
 * flushed. So a missing flush shows as wrong contents. A page or table that is freed while it is in
 * a TLB is noticed at once.
 */
// sources: mm/tree.c mm/tree_walk.c mm/tree_range.c mm/area.c mm/area_tree.c mm/area_find.c
// sources: mm/map.c mm/access.c mm/area_flags.c mm/fault.c mm/mm.c mm/object.c
// flags: -DAREA_LEAF_MAX=4 -DAREA_NODE_MAX=4
#include "tests/unit/tree_host.h"

#include "mm/area.h"
#include "mm/tree.h"

/* ---- the universe: clusters of pages around the borders of tables of each level ---- */

#define CLUSTER_PAGES 16
static const u64 cluster_start[] = {
	0x10000,                                      /* the lowest address */
	(1UL << 21) - 8 * PAGE_SIZE,                  /* two leaf tables */
	(1UL << 30) - 8 * PAGE_SIZE,                  /* two PDs */
	(1UL << 30) + (3UL << 21),                    /* the second PD again */
	(1UL << 39) - 8 * PAGE_SIZE,                  /* two PDPTs */
	(200UL << 39) + (7UL << 30) - 16 * PAGE_SIZE, /* far away, up to a border */
	TASK_SIZE - CLUSTER_PAGES *PAGE_SIZE,         /* the highest address */
};
#define NR_CLUSTERS ARRAY_SIZE(cluster_start)
#define NR_PAGES    (NR_CLUSTERS * CLUSTER_PAGES)

static u64 page_addr(u32 i)
{
	return cluster_start[i / CLUSTER_PAGES] + (i % CLUSTER_PAGES) * PAGE_SIZE;
}

/* ---- the model ---- */

#define NR_OBJECTS   3
#define OBJECT_PAGES 20
static struct vm_object *objects[NR_OBJECTS];
static u64 object_value[NR_OBJECTS][OBJECT_PAGES];

struct model_page {
	bool mapped, own; /* own: the value is this process's, not the object's */
	u32 flags;        /* enum area_flags */
	int obj;          /* -1: anonymous */
	u64 index, value;
};

struct tlb_entry {
	bool valid, write;
	phys_addr_t pa;
	const struct page *path[3]; /* tables the CPU may have cached on the way */
};

struct space {
	struct mm *mm; /* NULL: not in use */
	struct model_page page[NR_PAGES];
	struct tlb_entry tlb[NR_PAGES];
};

#define NR_SPACES 5
static struct space spaces[NR_SPACES];

static struct space *space_of(const struct mm *mm)
{
	for (int i = 0; i < NR_SPACES; i++)
		if (spaces[i].mm == mm)
			return &spaces[i];
	return NULL;
}

/* ---- the machine ---- */

void flush_tlb_range(struct mm *mm, u64 start, u64 end)
{
	struct space *s = space_of(mm);

	for (u32 i = 0; s && i < NR_PAGES; i++) {
		if (page_addr(i) >= start && page_addr(i) < end)
			s->tlb[i].valid = false;
		memset(s->tlb[i].path, 0, sizeof(s->tlb[i].path));
	}
}
void flush_tlb_mm(struct mm *mm)
{
	flush_tlb_range(mm, 0, TASK_SIZE);
}

/* As if every CPU had loaded other tables. */
void arch_leave_mm(struct mm *mm)
{
	struct space *s = space_of(mm);

	if (s)
		memset(s->tlb, 0, sizeof(s->tlb));
}

/* A page that a CPU can still reach must not be freed. */
static void check_freed(struct page *p)
{
	for (int n = 0; n < NR_SPACES; n++) {
		for (u32 i = 0; spaces[n].mm && i < NR_PAGES; i++) {
			const struct tlb_entry *t = &spaces[n].tlb[i];

			CHECK(!(t->valid && t->pa == page_to_phys(p)));
			CHECK(t->path[0] != p && t->path[1] != p && t->path[2] != p);
		}
	}
}

/* The CPU's walk, written from the SDM (vol. 3A, 4.5), not from mm/tree.c. */
static bool cpu_walk(struct mm *mm, u64 addr, struct tlb_entry *out)
{
	const pte_t *table = mm->root;
	bool write = true;

	*out = (struct tlb_entry){0};
	for (int shift = 39; shift >= 12; shift -= 9) {
		pte_t e = table[addr >> shift & 511];

		if (!(e & 1) || !(e & 4))
			return false;
		write = write && (e & 2);
		if (shift == 12)
			out->pa = e & 0x000ffffffffff000UL;
		else
			out->path[(39 - shift) / 9] = phys_to_page(e & 0x000ffffffffff000UL);
		table = phys_to_virt(e & 0x000ffffffffff000UL);
	}
	out->valid = true;
	out->write = write;
	return true;
}

/* ---- accesses ---- */

static enum fault_result expected(const struct model_page *p, bool write)
{
	if (!p->mapped)
		return FAULT_MAPERR;
	if (!(p->flags & (write ? AREA_WRITE : AREA_PROT)))
		return FAULT_ACCERR;
	if (p->obj >= 0 && !p->own && p->index >= OBJECT_PAGES)
		return FAULT_BUS;
	return FAULT_OK;
}

static u64 *model_value(struct model_page *p)
{
	return p->obj >= 0 && !p->own ? &object_value[p->obj][p->index] : &p->value;
}

static void model_write(struct model_page *p, u64 value)
{
	if (!(p->flags & AREA_SHARED))
		p->own = true;
	*model_value(p) = value;
}

/* Translate as the CPU does: by the TLB, else by a walk, else after a fault. */
static enum fault_result reach(struct space *s, u32 i, bool write, phys_addr_t *pa)
{
	for (int attempt = 0; attempt < 3; attempt++) {
		struct tlb_entry *t = &s->tlb[i];
		enum fault_result r;

		if (!t->valid || (write && !t->write))
			if (!cpu_walk(s->mm, page_addr(i), t))
				t->valid = false;
		if (t->valid && (t->write || !write)) {
			*pa = t->pa;
			return FAULT_OK;
		}
		t->valid = false; /* a fault drops the entry from the TLB */
		r = mm_fault(s->mm, page_addr(i) + host_random_below(PAGE_SIZE),
			     write ? ACCESS_WRITE : ACCESS_READ);
		if (r != FAULT_OK)
			return r;
	}
	CHECK(!"a fault that never ends");
	return FAULT_MAPERR;
}

static void access_page(struct space *s, u32 i, bool write)
{
	struct model_page *p = &s->page[i];
	phys_addr_t pa = 0;
	enum fault_result r = reach(s, i, write, &pa);
	u64 *word;

	if (r == FAULT_OOM && failed)
		return;
	if (!CHECK_EQ(r, expected(p, write)) || r != FAULT_OK)
		return;
	word = phys_to_virt(pa);
	if (write) {
		u64 value = host_random();

		word[0] = word[511] = value;
		model_write(p, value);
		return;
	}
	CHECK_EQ(word[0], *model_value(p));
	CHECK_EQ(word[511], *model_value(p));
}

/* An access by the kernel itself, which must obey the same rules. */
static void kernel_access(struct space *s, u32 i, bool write)
{
	struct model_page *p = &s->page[i];
	u64 value = host_random(), last = page_addr(i) + PAGE_SIZE - 8;
	size_t first = mm_access(s->mm, page_addr(i), &value, 8, write), n;

	if (failed && first == 0)
		return;
	if (!CHECK_EQ(first, expected(p, write) == FAULT_OK ? 8 : 0) || first == 0)
		return;
	if (write)
		model_write(p, value);
	CHECK_EQ(value, *model_value(p));
	n = mm_access(s->mm, last, &value, 8, write);
	CHECK_EQ(n, 8);
	CHECK_EQ(value, *model_value(p));
}

/* ---- operations on ranges: a range contains exactly the pages [from, to) of the universe ----
 */

struct span {
	u32 from, to;
	u64 start, len;
};

static struct span random_span(bool one_cluster)
{
	u32 from = host_random_below(NR_PAGES), to;
	struct span r;

	if (one_cluster || host_random_below(4))
		to = from + 1 + host_random_below(CLUSTER_PAGES - from % CLUSTER_PAGES);
	else
		to = from + 1 + host_random_below(NR_PAGES - from);
	r = (struct span){.from = from, .to = to, .start = page_addr(from)};
	r.len = page_addr(to - 1) + PAGE_SIZE - r.start;
	return r;
}

static u32 random_prot(void)
{
	static const u32 prot[] = {AREA_READ | AREA_WRITE,
				   AREA_READ | AREA_WRITE,
				   AREA_READ,
				   AREA_READ | AREA_EXEC,
				   0,
				   AREA_WRITE};

	return prot[host_random_below(ARRAY_SIZE(prot))];
}

static void forget(struct model_page *p)
{
	*p = (struct model_page){.obj = -1};
}

static void do_map(struct space *s)
{
	bool with_object = host_random_below(3) == 0;
	struct span r = random_span(with_object);
	u32 flags = random_prot() | (with_object && host_random_below(2) ? AREA_SHARED : 0);
	int obj = with_object ? (int)host_random_below(NR_OBJECTS) : -1;
	u64 pgoff = with_object ? host_random_below(OBJECT_PAGES) : 0;
	long ret = mm_map(s->mm, r.start, r.len, flags, with_object ? objects[obj] : NULL, pgoff,
			  MM_FIXED);

	if (failed && ret == -ENOMEM)
		return;
	if (!CHECK_EQ(ret, r.start))
		return;
	for (u32 i = r.from; i < r.to; i++)
		s->page[i] = (struct model_page){
			.mapped = true, .flags = flags, .obj = obj, .index = pgoff + (i - r.from)};
}

static void do_unmap(struct space *s)
{
	struct span r = random_span(false);
	long ret = mm_unmap(s->mm, r.start, r.len);

	if (failed && ret == -ENOMEM)
		return;
	if (CHECK_EQ(ret, 0))
		for (u32 i = r.from; i < r.to; i++)
			forget(&s->page[i]);
}

/* The address of the first hole in the range, or the end of the range. */
static u64 first_hole(const struct space *s, struct span r)
{
	u64 at = r.start;

	/* Between clusters the model has no pages: there, ask the set. */
	while (at < r.start + r.len) {
		const struct area *a = area_find(s->mm->areas, at);

		if (!a || a->start > at)
			return at;
		at = a->end;
	}
	return r.start + r.len;
}

static bool all_mapped(const struct space *s, struct span r)
{
	return first_hole(s, r) == r.start + r.len;
}

/* As mprotect(2) on Linux: pages before a hole are changed, then ENOMEM is returned. */
static void do_protect(struct space *s)
{
	struct span r = random_span(false);
	u32 prot = random_prot();
	u64 hole = first_hole(s, r);
	long ret = mm_protect(s->mm, r.start, r.len, prot);

	if (failed && ret == -ENOMEM)
		return;
	CHECK_EQ(ret, hole == r.start + r.len ? 0 : -ENOMEM);
	for (u32 i = r.from; i < r.to && page_addr(i) < hole; i++)
		s->page[i].flags = (s->page[i].flags & ~AREA_PROT) | prot;
}

static void do_discard(struct space *s)
{
	struct span r = random_span(false);
	bool whole = all_mapped(s, r);
	long ret = mm_discard(s->mm, r.start, r.len);

	if (failed && ret == -ENOMEM)
		return; /* all or nothing: the checks below see which */
	CHECK_EQ(ret, whole ? 0 : -ENOMEM);
	for (u32 i = r.from; i < r.to; i++) {
		s->page[i].own = false;
		s->page[i].value = 0;
	}
}

static bool one_area(const struct space *s, struct span r)
{
	const struct area *a = area_find(s->mm->areas, r.start);

	return a && a->start <= r.start && a->end >= r.start + r.len;
}

/* Move within the universe. The destination is emptied first, so a failure leaves it empty. */
static void do_move(struct space *s)
{
	struct span r = random_span(true);
	u32 n = r.to - r.from, to = host_random_below(NR_PAGES);
	struct model_page moved[CLUSTER_PAGES];
	bool one = one_area(s, r);
	long ret;

	if (to % CLUSTER_PAGES + n > CLUSTER_PAGES || (to < r.to && r.from < to + n))
		return;
	ret = mm_remap(s->mm, r.start, r.len, r.len, 3 /* MAYMOVE | FIXED */, page_addr(to));
	if (failed && ret == -ENOMEM) {
		bool emptied = areas_free(s->mm->areas, page_addr(to), page_addr(to) + r.len);

		for (u32 i = 0; i < n && emptied; i++)
			forget(&s->page[to + i]);
		return;
	}
	if (!CHECK_EQ(ret, one ? (long)page_addr(to) : -EFAULT) || ret < 0)
		return;
	memcpy(moved, &s->page[r.from], n * sizeof(moved[0]));
	for (u32 i = 0; i < n; i++)
		forget(&s->page[r.from + i]);
	memcpy(&s->page[to], moved, n * sizeof(moved[0]));
}

/* ---- operations on whole address spaces ---- */

static void do_create(struct space *s)
{
	s->mm = mm_create();
	memset(s->tlb, 0, sizeof(s->tlb));
	for (u32 i = 0; i < NR_PAGES; i++)
		forget(&s->page[i]);
	CHECK(s->mm || failed);
}

static void do_fork(struct space *child, const struct space *parent)
{
	fork_share = host_random_below(3);
	child->mm = mm_clone(parent->mm);
	memset(child->tlb, 0, sizeof(child->tlb));
	memcpy(child->page, parent->page, sizeof(child->page));
	if (!CHECK(child->mm || failed) || !child->mm)
		return;
	if (fork_share == SHARE_TREE)
		CHECK_EQ(child->mm->stats.tables_copied, 0);
	CHECK_EQ(child->mm->areas == parent->mm->areas, 1);
}

static void exit_space(struct space *s)
{
	struct mm *mm = s->mm;

	mm_put(mm); /* check_freed() looks at its TLB until here */
	s->mm = NULL;
}

/* ---- the account ---- */

static u32 refs[ARENA_PAGES]; /* found by walking; a table's entries are counted when it is first
				 seen */

static void count_table(const struct page *t, int level);

static void check_leaf(pte_t e, const struct page *p)
{
	if (!(e & PTE_WRITE) || (e & PTE_SHARED))
		return;
	CHECK_EQ(refcount_read(&p->count), 1);
	CHECK(!(p->flags & (PG_ZERO | PG_CACHE | PG_TABLE)));
}

static void count_entry(pte_t e, int level)
{
	struct page *p = phys_to_page(e & PTE_ADDR_MASK);

	if (level == 1) {
		refs[p - arena_pages]++;
		check_leaf(e, p);
		return;
	}
	CHECK((p->flags & PG_TABLE) && p->level == level - 1);
	CHECK((e & PTE_PRESENT) && (e & PTE_USER) && !(e & PTE_NX));
	if (e & PTE_WRITE) /* the one rule */
		CHECK_EQ(refcount_read(&p->count), 1);
	if (refs[p - arena_pages]++ == 0) {
		count_table(p, level - 1);
		CHECK(p->nr_present > 0);
	}
}

static void count_table(const struct page *t, int level)
{
	const pte_t *entries = page_to_virt(t);
	u32 present = 0;
	u64 used = 0;

	for (u32 i = 0; i < (level == 4 ? 256u : 512u); i++) {
		if (!entries[i])
			continue;
		present++;
		used |= 1UL << (i / 8);
		count_entry(entries[i], level);
	}
	CHECK_EQ(t->nr_present, present);
	CHECK_EQ(t->used, used);
	if (level == 4)
		for (u32 i = 256; i < 512; i++)
			CHECK_EQ(entries[i], 0xfee1deadUL << 12 | PTE_PRESENT);
}

static void count_objects(void)
{
	for (int i = 0; i < NR_OBJECTS; i++)
		for (u32 n = 0; n < OBJECT_PAGES; n++) {
			struct page *p;

			if (object_get_page(objects[i], n, false, &p) == 0 && p) {
				refs[p - arena_pages]++;
				put_page(p);
			}
		}
}

/* Compare the areas and the leaves of each page of the universe with the model. */
static void check_page(const struct space *s, u32 i)
{
	const struct model_page *p = &s->page[i];
	const struct area *a = area_find(s->mm->areas, page_addr(i));
	pte_t leaf = tree_walk(s->mm, page_addr(i));

	if (a && a->start > page_addr(i))
		a = NULL;
	CHECK_EQ(a != NULL, p->mapped);
	CHECK(p->mapped || !leaf);
	if (!a || !p->mapped)
		return;
	CHECK_EQ(a->flags, p->flags);
	CHECK(a->obj == (p->obj < 0 ? NULL : objects[p->obj]));
	if (a->obj)
		CHECK_EQ(a->pgoff + (page_addr(i) - a->start) / PAGE_SIZE, p->index);
	if (!leaf)
		return;
	CHECK_EQ((leaf & PTE_PRESENT) != 0, (p->flags & AREA_PROT) != 0);
	CHECK_EQ((leaf & PTE_NX) != 0, !(p->flags & AREA_EXEC));
	CHECK_EQ((leaf & PTE_SHARED) != 0, (p->flags & AREA_SHARED) != 0);
	CHECK(!(leaf & PTE_WRITE) || (p->flags & AREA_WRITE));
}

static void check_space(const struct space *s)
{
	const struct area_set *set = s->mm->areas;
	u64 mapped = 0, data = 0, below = 0;

	for_each_area(a, set, 0, TASK_SIZE)
	{
		CHECK(a->start < a->end && below <= a->start);
		below = a->end;
		mapped += (a->end - a->start) / PAGE_SIZE;
		if ((a->flags & AREA_WRITE) && !(a->flags & AREA_SHARED))
			data += (a->end - a->start) / PAGE_SIZE;
	}
	struct mm_rss rss;

	tree_count(s->mm, &rss);
	CHECK_EQ(s->mm->rss.anon, rss.anon);
	CHECK_EQ(s->mm->rss.shared, rss.shared);
	CHECK_EQ(s->mm->rss.tables, rss.tables);
	CHECK_EQ(s->mm->nr_mapped, mapped);
	CHECK_EQ(s->mm->nr_data, data);
}

static u32 area_set_users(const struct area_set *set)
{
	u32 n = 0;

	for (int i = 0; i < NR_SPACES; i++)
		n += spaces[i].mm && spaces[i].mm->areas == set;
	return n;
}

static void check_counts(void)
{
	u32 found = 0;

	memset(refs, 0, sizeof(refs));
	refs[zero_page - arena_pages] = 1;
	count_objects();
	for (int i = 0; i < NR_SPACES; i++) {
		const struct mm *mm = spaces[i].mm;

		if (!mm)
			continue;
		refs[virt_to_page(mm->root) - arena_pages] = 1;
		count_table(virt_to_page(mm->root), 4);
		check_space(&spaces[i]);
		if (mm->areas)
			CHECK_EQ(refcount_read(&mm->areas->count), area_set_users(mm->areas));
		CHECK_EQ(mm->lock.wait_lock.owner_cpu, 0);
	}
	for (u32 pfn = 1; pfn < ARENA_PAGES; pfn++) {
		found += refs[pfn] != 0;
		if (refs[pfn])
			CHECK_EQ(refcount_read(&arena_pages[pfn].count), refs[pfn]);
	}
	CHECK_EQ(pages_out, found);
}

static void check_everything(void)
{
	check_counts();
	for (int n = 0; n < NR_SPACES; n++)
		for (u32 i = 0; spaces[n].mm && i < NR_PAGES; i++)
			check_page(&spaces[n], i);
}

/* ---- the tests ---- */

static void set_up(void)
{
	static bool done;

	fail_countdown = 0;
	failed = false;
	page_freed = check_freed;
	if (!done)
		mm_init();
	done = true;
	for (int i = 0; i < NR_OBJECTS; i++) {
		objects[i] = object_create("object", OBJECT_PAGES * PAGE_SIZE);
		memset(object_value[i], 0, sizeof(object_value[i]));
	}
}

static void tear_down(void)
{
	for (int i = 0; i < NR_SPACES; i++)
		if (spaces[i].mm)
			exit_space(&spaces[i]);
	for (int i = 0; i < NR_OBJECTS; i++)
		object_put(objects[i]);
	CHECK_EQ(pages_out, 1); /* the zero page */
	CHECK_EQ(objects_out, 0);
	CHECK_EQ(refcount_read(&zero_page->count), 1);
}

static struct space *random_space(bool in_use)
{
	u32 from = host_random_below(NR_SPACES);

	for (int i = 0; i < NR_SPACES; i++) {
		struct space *s = &spaces[(from + i) % NR_SPACES];

		if ((s->mm != NULL) == in_use)
			return s;
	}
	return NULL;
}

static void random_step(void)
{
	struct space *s = random_space(true), *other = random_space(false);
	u32 what = host_random_below(200), page = host_random_below(NR_PAGES);

	if (!s)
		do_create(other);
	else if (what < 60)
		access_page(s, page, true);
	else if (what < 105)
		access_page(s, page, false);
	else if (what < 125)
		kernel_access(s, page, host_random_below(2));
	else if (what < 150)
		do_map(s);
	else if (what < 158)
		do_unmap(s);
	else if (what < 175)
		do_protect(s);
	else if (what < 180)
		do_discard(s);
	else if (what < 190)
		do_move(s);
	else if (what < 196)
		other ? do_fork(other, s) : exit_space(s);
	else if (what < 198)
		exit_space(s);
	else if (other)
		do_create(other);
}

static void run_random(u32 steps, u32 failures_in_100)
{
	set_up();
	for (u32 n = 0; n < steps && !host_failures; n++) {
		/* Several steps between the checks, so that spaces fill up. */
		for (int i = 0; i < 5; i++) {
			failed = false;
			fail_countdown = 0;
			if (host_random_below(100) < failures_in_100)
				fail_countdown = 1 + host_random_below(8);
			random_step();
		}
		fail_countdown = 0;
		check_everything();
	}
	tear_down();
}

TEST(random_operations)
{
	run_random(12000, 0);
}

TEST(random_operations_with_failures)
{
	run_random(12000, 50);
}

/* fork with each setting shares and copies the expected numbers of tables. */
TEST(fork_shares_as_deep_as_asked)
{
	static const struct {
		u64 shared, copied, pages;
	} want[] = {
		[SHARE_PAGES] = {0, 1 + 1 + 2, 3}, /* one PDPT, one PD, two leaf tables */
		[SHARE_TABLES] = {2, 1 + 1, 0},
		[SHARE_TREE] = {1, 0, 0},
	};

	for (int share = SHARE_PAGES; share <= SHARE_TREE; share++) {
		struct space *parent = &spaces[0], *child = &spaces[1];
		u64 a = page_addr(CLUSTER_PAGES); /* 8 pages of one leaf table, 8 of the next */

		set_up();
		do_create(parent);
		CHECK_EQ(mm_map(parent->mm, a, 16 * PAGE_SIZE, AREA_READ | AREA_WRITE, NULL, 0,
				MM_FIXED),
			 a);
		for (int i = 0; i < 16; i++)
			parent->page[CLUSTER_PAGES + i] = (struct model_page){
				.mapped = true, .flags = AREA_READ | AREA_WRITE, .obj = -1};
		access_page(parent, CLUSTER_PAGES + 0, true);
		access_page(parent, CLUSTER_PAGES + 1, true);
		access_page(parent, CLUSTER_PAGES + 15, true);
		fork_share = share;
		child->mm = mm_clone(parent->mm);
		memcpy(child->page, parent->page, sizeof(child->page));
		memset(child->tlb, 0, sizeof(child->tlb));
		CHECK_EQ(child->mm->stats.tables_shared, want[share].shared);
		CHECK_EQ(child->mm->stats.tables_copied, want[share].copied);
		CHECK_EQ(child->mm->stats.pages_shared, want[share].pages);
		check_everything();
		/* One write by the child: the path is copied where it was shared, and one page. */
		access_page(child, CLUSTER_PAGES + 1, true);
		CHECK_EQ(child->mm->stats.cow_pages, 1);
		CHECK_EQ(child->mm->stats.cow_tables,
			 share == SHARE_TREE ? 3 : share == SHARE_TABLES);
		access_page(parent, CLUSTER_PAGES + 1, false);
		/* The parent then finds itself the last owner of that page, and of the path to it.
		 */
		access_page(parent, CLUSTER_PAGES + 1, true);
		CHECK_EQ(parent->mm->stats.cow_pages, 0);
		CHECK_EQ(parent->mm->stats.cow_reused, 1);
		CHECK_EQ(parent->mm->stats.cow_tables, 0);
		access_page(child, CLUSTER_PAGES + 1, false);
		check_everything();
		tear_down();
	}
}

/* A parent of sixteen pages, eight of one leaf table and eight of the next, and its child. Page
 * `unwritten` is the zero page; -1: none is. */
static void fork_sixteen(struct space *parent, struct space *child, enum fork_share share,
			 int unwritten)
{
	set_up();
	parent->mm = mm_create();
	CHECK_EQ(mm_map(parent->mm, page_addr(CLUSTER_PAGES), 16 * PAGE_SIZE,
			AREA_READ | AREA_WRITE, NULL, 0, MM_FIXED),
		 page_addr(CLUSTER_PAGES));
	for (int i = 0; i < 16; i++) {
		parent->page[CLUSTER_PAGES + i] = (struct model_page){
			.mapped = true, .flags = AREA_READ | AREA_WRITE, .obj = -1};
		access_page(parent, CLUSTER_PAGES + i, i != unwritten);
	}
	fork_share = share;
	child->mm = mm_clone(parent->mm);
	memcpy(child->page, parent->page, sizeof(child->page));
	memset(child->tlb, 0, sizeof(child->tlb));
}

/* When the child has ended, the parent owns the pages that were shared one by one. The first write
 * makes all owned pages of an aligned run writable. */
TEST(one_fault_gives_back_a_run)
{
	struct space *parent = &spaces[0], *child = &spaces[1];

	fork_sixteen(parent, child, SHARE_PAGES, 3);
	access_page(child, CLUSTER_PAGES + 5, true);
	access_page(parent, CLUSTER_PAGES + 4, true); /* a copy: the child has the other */
	CHECK_EQ(parent->mm->stats.cow_pages, 1);
	access_page(parent, CLUSTER_PAGES + 5, true);
	CHECK_EQ(parent->mm->stats.cow_reused, 1);
	exit_space(child);
	access_page(parent, CLUSTER_PAGES + 0, true);
	CHECK_EQ(parent->mm->stats.cow_reused, 1 + 5); /* not 3, 4 and 5 */
	access_page(parent, CLUSTER_PAGES + 8, true);
	CHECK_EQ(parent->mm->stats.cow_reused, 1 + 5 + 8);
	check_everything();
	access_page(parent, CLUSTER_PAGES + 3, true);
	CHECK_EQ(parent->mm->stats.cow_pages, 1);
	CHECK_EQ(parent->mm->stats.cow_reused, 1 + 5 + 8);
	check_everything();
	tear_down();
}

/* Writes in order get copies ahead: two faults copy one page each, the next ones 2, 4 (up to the
 * end of the table) and 8 pages. */
TEST(copies_ahead_of_who_writes_in_order)
{
	struct space *parent = &spaces[0], *child = &spaces[1];

	fork_sixteen(parent, child, SHARE_TREE, -1);
	for (int i = 0; i < 16; i++)
		access_page(child, CLUSTER_PAGES + i, true);
	CHECK_EQ(child->mm->stats.cow_pages, 16);
	CHECK_EQ(child->mm->stats.faults, 5);
	check_everything();
	tear_down();
}

/* Writes in another order get no copies ahead. */
TEST(copies_nothing_ahead_of_others)
{
	static const int order[] = {10, 9, 8, 1, 0, 3, 4, 14, 15, 6};
	struct space *parent = &spaces[0], *child = &spaces[1];

	fork_sixteen(parent, child, SHARE_TREE, -1);
	for (u32 i = 0; i < ARRAY_SIZE(order); i++) {
		access_page(child, CLUSTER_PAGES + order[i], true);
		CHECK_EQ(child->mm->stats.cow_pages, i + 1);
	}
	check_everything();
	tear_down();
}

/* ---- each operation, with its first allocation failing, its second, and so on until it succeeds
 * ---- */

static const u32 first = CLUSTER_PAGES, middle = CLUSTER_PAGES + 4;

static long op_unmap(struct space *s)
{
	return mm_unmap(s->mm, page_addr(middle), 8 * PAGE_SIZE);
}
static long op_replace(struct space *s)
{
	return mm_map(s->mm, page_addr(middle), 8 * PAGE_SIZE, AREA_READ, objects[0], 0, MM_FIXED);
}
static long op_protect(struct space *s)
{
	return mm_protect(s->mm, page_addr(middle), 8 * PAGE_SIZE, AREA_READ);
}
static long op_discard(struct space *s)
{
	return mm_discard(s->mm, page_addr(middle), 8 * PAGE_SIZE);
}
static long op_move(struct space *s)
{
	return mm_remap(s->mm, page_addr(middle), 8 * PAGE_SIZE, 8 * PAGE_SIZE, 3,
			page_addr(4 * CLUSTER_PAGES + 4));
}
static long op_move_and_grow(struct space *s)
{
	return mm_remap(s->mm, page_addr(middle), 8 * PAGE_SIZE, 9 * PAGE_SIZE, 1, 0);
}
static long op_write(struct space *s)
{
	return mm_fault(s->mm, page_addr(middle), ACCESS_WRITE) == FAULT_OOM ? -ENOMEM : 0;
}
static long op_fork(struct space *s)
{
	struct mm *twin = mm_clone(s->mm);

	if (!twin)
		return -ENOMEM;
	mm_put(twin);
	return 0;
}
static long op_brk(struct space *s)
{
	/* A heap right above the pages, so that a failure to grow it changes nothing. */
	s->mm->start_brk = s->mm->brk = page_addr(first + 15) + PAGE_SIZE;
	if (mm_brk(s->mm, s->mm->brk + PAGE_SIZE) == s->mm->start_brk)
		return -ENOMEM;
	return mm_unmap(s->mm, s->mm->start_brk, PAGE_SIZE);
}

/* Two spaces that share all their tables; 16 pages across two leaf tables, all written. */
static void make_twins(int share)
{
	struct space *s = &spaces[0];

	do_create(s);
	CHECK_EQ(mm_map(s->mm, page_addr(first), 16 * PAGE_SIZE, AREA_READ | AREA_WRITE, NULL, 0,
			MM_FIXED),
		 page_addr(first));
	for (u32 i = first; i < first + 16; i++) {
		s->page[i] = (struct model_page){
			.mapped = true, .flags = AREA_READ | AREA_WRITE, .obj = -1};
		access_page(s, i, true);
	}
	fork_share = share;
	spaces[1].mm = mm_clone(s->mm);
	memcpy(spaces[1].page, s->page, sizeof(s->page));
	memset(spaces[1].tlb, 0, sizeof(spaces[1].tlb));
}

/* Returns how many allocations the operation made. */
static u32 walk_failures(long (*op)(struct space *), int share)
{
	for (u32 n = 1;; n++) {
		long ret;

		make_twins(share);
		failed = false;
		fail_countdown = n;
		ret = op(&spaces[0]);
		fail_countdown = 0;
		if (failed) {
			CHECK_EQ(ret, -ENOMEM);
			check_everything();
			for (u32 i = first; i < first + 16; i++)
				access_page(&spaces[0], i, false);
		} else {
			CHECK(ret >= 0);
			check_counts();
		}
		for (u32 i = first; i < first + 16; i++)
			access_page(&spaces[1], i, false);
		exit_space(&spaces[0]);
		exit_space(&spaces[1]);
		if (!failed || host_failures)
			return n - 1;
	}
}

TEST(every_point_of_failure)
{
	static const struct {
		const char *name;
		long (*op)(struct space *);
		u32 at_least; /* allocations with the whole tree shared: a path to each of two leaf
				 tables, … */
	} ops[] = {
		{"unmap", op_unmap, 4},
		{"replace", op_replace, 4 + 1},
		{"protect", op_protect, 4 + 1},
		{"discard", op_discard, 4},
		{"move", op_move, 4 + 1},
		{"move and grow", op_move_and_grow, 4 + 1},
		{"write", op_write, 3 + 1},
		{"fork", op_fork, 2},
		{"brk", op_brk, 1},
	};

	for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
		for (int share = SHARE_PAGES; share <= SHARE_TREE; share++) {
			u32 n;

			set_up();
			n = walk_failures(ops[i].op, share);
			if (share == SHARE_TREE && !CHECK(n >= ops[i].at_least))
				printf("# %s: %u allocations\n", ops[i].name, n);
			if (host_failures)
				printf("# %s, share %d\n", ops[i].name, share);
			tear_down();
		}
	}
}

/* A MAP_SHARED page stays writable when fork copies its table: no fault is needed. */
TEST(shared_pages_keep_their_bit)
{
	u64 a = page_addr(0);

	set_up();
	do_create(&spaces[0]);
	CHECK_EQ(mm_map(spaces[0].mm, a, PAGE_SIZE, AREA_READ | AREA_WRITE | AREA_SHARED,
			objects[0], 0, MM_FIXED),
		 a);
	CHECK_EQ(mm_fault(spaces[0].mm, a, ACCESS_READ), FAULT_OK);
	fork_share = SHARE_PAGES;
	spaces[1].mm = mm_clone(spaces[0].mm);
	CHECK(tree_walk(spaces[1].mm, a) & PTE_WRITE);
	CHECK(tree_walk(spaces[0].mm, a) & PTE_WRITE);
	CHECK_EQ(pte_addr(tree_walk(spaces[0].mm, a)), pte_addr(tree_walk(spaces[1].mm, a)));
	check_counts();
	tear_down();
}

/* A page whose count has reached the ceiling is copied at each write and never freed.
 */
TEST(saturated_counts)
{
	struct space *s = &spaces[0];
	struct page *p;
	phys_addr_t pa;
	u32 i = CLUSTER_PAGES;

	set_up();
	do_create(s);
	CHECK_EQ(mm_map(s->mm, page_addr(i), PAGE_SIZE, AREA_READ | AREA_WRITE, NULL, 0, MM_FIXED),
		 page_addr(i));
	s->page[i] =
		(struct model_page){.mapped = true, .flags = AREA_READ | AREA_WRITE, .obj = -1};
	access_page(s, i, true);
	CHECK_EQ(reach(s, i, true, &pa), FAULT_OK);
	p = phys_to_page(pa);
	refcount_set(&p->count, REFCOUNT_SATURATED - 1);
	fork_share = SHARE_PAGES;
	spaces[1].mm = mm_clone(s->mm);
	memcpy(spaces[1].page, s->page, sizeof(s->page));
	CHECK(refcount_read(&p->count) >= REFCOUNT_SATURATED);
	access_page(s, i, true);
	access_page(&spaces[1], i, false);
	access_page(&spaces[1], i, true);
	CHECK(refcount_read(&p->count) >= REFCOUNT_SATURATED);
	exit_space(&spaces[1]);
	exit_space(s);
	CHECK_EQ(pages_out, 2); /* the zero page, and the page with the saturated count */
	refcount_set(&p->count, 1);
	put_page(p);
	tear_down();
}

TEST_MAIN
