/* pt: the tree of page tables, with the count of references to each table and page. An entry is
 * owned if it and all entries above it are the only references; a write copies every table and page
 * on its way that is not owned. */
#include "kernel/sharing.h"
#include "kernel/shell/shell.h"
#include "mm/tree.h"

/* Adjacent leaves of one kind, printed as one line. */
struct leaf_run {
	u64 start, end; /* empty: start == end */
	u32 count;
	pte_t kind; /* the bits that are shown */
	bool owned;
};

struct pt_walk {
	struct leaf_run run;
	bool owned[PT_LEVELS + 1]; /* [level]: the path down to a table of this level is owned */
	u64 tables, leaves;
};

#define KIND_BITS (PTE_WRITE | PTE_NX | PTE_SHARED)

static const char *const entry_names[] = {"", "PT", "PD", "PDPT", "PML4"};

static void flush_run(struct pt_walk *w)
{
	const struct leaf_run *r = &w->run;

	if (r->start == r->end)
		return;
	console_printf("        PT[%u]%s %012lx-%012lx %lu page%s count %u %s r%c%c%s\n",
		       pt_index(r->start, 1), r->end - r->start > PAGE_SIZE ? ".." : "", r->start,
		       r->end, (r->end - r->start) / PAGE_SIZE,
		       r->end - r->start > PAGE_SIZE ? "s, each" : ",", r->count,
		       r->owned ? "owned " : "shared", r->kind & PTE_WRITE ? 'w' : '-',
		       r->kind & PTE_NX ? '-' : 'x', r->kind & PTE_SHARED ? " MAP_SHARED" : "");
	w->run.start = w->run.end = 0;
}

static void add_leaf(struct pt_walk *w, const struct tree_entry *e)
{
	struct leaf_run *r = &w->run;
	bool owned = w->owned[1] && e->count == 1;
	pte_t kind = e->entry & KIND_BITS;

	w->leaves++;
	if (r->start != r->end && r->end == e->addr && r->count == e->count && r->kind == kind &&
	    r->owned == owned && pt_index(e->addr, 1) != 0) {
		r->end += PAGE_SIZE;
		return;
	}
	flush_run(w);
	*r = (struct leaf_run){.start = e->addr,
			       .end = e->addr + PAGE_SIZE,
			       .count = e->count,
			       .kind = kind,
			       .owned = owned};
}

static bool pt_entry(const struct tree_entry *e, void *arg)
{
	struct pt_walk *w = arg;
	int below = e->level - 1;

	if (e->level == 1) {
		add_leaf(w, e);
		return true;
	}
	flush_run(w);
	w->tables++;
	w->owned[below] = w->owned[e->level] && e->count == 1;
	console_printf("%*s%s[%u] %012lx -> %s count %u %s R/W %d\n",
		       (PT_LEVELS - e->level) * 2 + 2, "", entry_names[e->level],
		       pt_index(e->addr, e->level), e->addr, entry_names[below], e->count,
		       w->owned[below] ? "owned " : "shared", !!(e->entry & PTE_WRITE));
	return true;
}

static int show_tables(struct task *t, u64 start, u64 end)
{
	struct pt_walk walk = {.owned = {[PT_LEVELS] = true}};
	struct mm *mm scoped(mm_put) = task_get_mm(t);

	if (mm == NULL)
		return shell_fail("pt: task %d has no address space of its own\n", t->pid_nr);
	console_printf("task %d: PML4 owned by its address space, which %u task(s) live in\n",
		       t->pid_nr, refcount_read(&mm->users) - 1);
	mutex_lock(&mm->lock);
	tree_foreach(mm, start, end, pt_entry, &walk);
	flush_run(&walk);
	mutex_unlock(&mm->lock);
	console_printf("%lu tables below the root, %lu pages\n", walk.tables, walk.leaves);
	return 0;
}

SHELL_COMMAND(pt, "look", 0, 2, "pt [PID [ADDR]]",
	      "the tree of page tables, with each count, shared or owned")
{
	u64 start = 0, end = TASK_SIZE;
	struct task *t scoped(put_task) = NULL;
	int status;

	if (argc == 3) {
		if (parse_u64(argv[2], &start) != 0 || start >= TASK_SIZE)
			return shell_error(STATUS_USAGE, "pt: '%s' is not a user address\n",
					   argv[2]);
		start &= PAGE_MASK;
		end = start + PAGE_SIZE;
	}
	status = task_of_argument("pt", argv[1], &t);
	return status ? status : show_tables(t, start, end);
}
