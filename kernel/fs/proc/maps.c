/* /proc/PID/maps and smaps: the areas of an address space, and the pages in each. */
#include "kernel/fs/proc/proc.h"
#include "mm/area.h"
#include "mm/tree.h"

static void show_area(struct seq *s, const struct area *a)
{
	char name[256] = "";
	u64 dev = 0, ino = 0;
	size_t from = s->len;

	if (a->file) {
		file_identity(a->file, &dev, &ino);
		file_describe(a->file, name, sizeof(name));
	} else if (a->obj) {
		strlcpy(name, a->obj->name, sizeof(name));
	} else if (a->flags & AREA_STACK) {
		strlcpy(name, "[stack]", sizeof(name));
	} else if (a->flags & AREA_HEAP) {
		strlcpy(name, "[heap]", sizeof(name));
	}
	seq_printf(s, "%08lx-%08lx %c%c%c%c %08lx %02lx:%02lx %lu ", a->start, a->end,
		   a->flags & AREA_READ ? 'r' : '-', a->flags & AREA_WRITE ? 'w' : '-',
		   a->flags & AREA_EXEC ? 'x' : '-', a->flags & AREA_SHARED ? 's' : 'p',
		   a->obj ? a->pgoff << PAGE_SHIFT : 0, dev >> 8, dev & 0xff, ino);
	if (*name) {
		seq_printf(s, "%*s", s->len - from < 73 ? (int)(73 - (s->len - from)) : 0, "");
		seq_escape(s, name, "\n");
	}
	seq_puts(s, "\n");
}

static void show_in_maps(const struct area *a, void *arg)
{
	show_area(arg, a);
}

int proc_show_maps(struct seq *s, struct mm *mm)
{
	mm_foreach_area(mm, show_in_maps, s);
	return 0;
}

/* ---- smaps ---- */

#define PSS_SHIFT 12 /* Pss is summed in bytes of 2^-12 */

/* The present pages of an area. `weight` is what a walk carries along: the part of a table at each
 * level, and of a page, that belongs to this address space, if each reference has an equal part. */
struct residency {
	u64 resident, anon, shared; /* pages */
	u64 pss, pss_anon, pss_locked;
	u64 weight[PT_LEVELS + 1];
	bool sole[PT_LEVELS + 1]; /* no other address space reaches it */
};

u32 proc_mappings_of(const struct tree_entry *e, const struct page *p)
{
	return e->level == 1 && (p->flags & PG_CACHE) && e->count > 1 ? e->count - 1 : e->count;
}

static bool count_entry(const struct tree_entry *e, void *arg)
{
	struct residency *u = arg;
	const struct page *p = phys_to_page(pte_addr(e->entry));
	u32 n = proc_mappings_of(e, p);

	u->weight[e->level - 1] = u->weight[e->level] / n;
	u->sole[e->level - 1] = u->sole[e->level] && n == 1;
	if (e->level > 1 || (p->flags & PG_ZERO))
		return true;
	u->resident++;
	u->anon += !(p->flags & PG_CACHE);
	u->shared += !u->sole[0];
	u->pss += u->weight[0];
	u->pss_anon += p->flags & PG_CACHE ? 0 : u->weight[0];
	return true;
}

static void show_kib(struct seq *s, const char *name, u64 pages)
{
	seq_printf(s, "%-15s %8lu kB\n", name, pages << (PAGE_SHIFT - 10));
}

static void show_flags(struct seq *s, u32 flags)
{
	static const struct {
		u32 mask, value;
		char name[4];
	} names[] = {
		{AREA_READ, AREA_READ, "rd "},
		{AREA_WRITE, AREA_WRITE, "wr "},
		{AREA_EXEC, AREA_EXEC, "ex "},
		{AREA_SHARED | AREA_NOWRITE, AREA_SHARED, "sh "},
		{0, 0, "mr "},
		{AREA_NOWRITE, 0, "mw "},
		{AREA_NOEXEC, 0, "me "},
		{AREA_SHARED, AREA_SHARED, "ms "},
		{AREA_GROWSDOWN, AREA_GROWSDOWN, "gd "},
		{AREA_LOCKED, AREA_LOCKED, "lo "},
		{AREA_DONTFORK, AREA_DONTFORK, "dc "},
		{AREA_WIPEONFORK, AREA_WIPEONFORK, "wf "},
		{AREA_NODUMP, AREA_NODUMP, "dd "},
	};

	seq_puts(s, "VmFlags: ");
	for (u32 i = 0; i < ARRAY_SIZE(names); i++)
		if ((flags & names[i].mask) == names[i].value)
			seq_puts(s, names[i].name);
	seq_puts(s, "\n");
}

struct smaps {
	struct seq *s;
	struct mm *mm;
	struct residency sum; /* of all areas */
	u64 start, end;       /* of the first and the last */
};

static void show_pss(struct seq *s, const char *name, u64 pss)
{
	seq_printf(s, "%-15s %8lu kB\n", name, pss >> PSS_SHIFT >> 10);
}

/* No page has a copy on a disk, so that each counts as dirty. All files are in a tmpfs, so that
 * their pages count as shmem. */
static void show_pss_kinds(struct seq *s, const struct residency *u)
{
	show_pss(s, "Pss_Anon:", u->pss_anon);
	show_pss(s, "Pss_File:", 0);
	show_pss(s, "Pss_Shmem:", u->pss - u->pss_anon);
}

/* The page tables hold no huge pages, and nothing is swapped. */
static void show_residency(struct seq *s, const struct residency *u, bool rollup)
{
	show_kib(s, "Rss:", u->resident);
	show_pss(s, "Pss:", u->pss);
	show_pss(s, "Pss_Dirty:", u->pss);
	if (rollup)
		show_pss_kinds(s, u);
	show_kib(s, "Shared_Clean:", 0);
	show_kib(s, "Shared_Dirty:", u->shared);
	show_kib(s, "Private_Clean:", 0);
	show_kib(s, "Private_Dirty:", u->resident - u->shared);
	show_kib(s, "Referenced:", u->resident);
	show_kib(s, "Anonymous:", u->anon);
	show_kib(s, "KSM:", 0);
	show_kib(s, "LazyFree:", 0);
	show_kib(s, "AnonHugePages:", 0);
	show_kib(s, "ShmemPmdMapped:", 0);
	show_kib(s, "FilePmdMapped:", 0);
	show_kib(s, "Shared_Hugetlb:", 0);
	show_kib(s, "Private_Hugetlb:", 0);
	show_kib(s, "Swap:", 0);
	show_kib(s, "SwapPss:", 0);
	show_pss(s, "Locked:", u->pss_locked);
}

static void measure_area(struct mm *mm, const struct area *a, struct residency *u)
{
	*u = (struct residency){.weight[PT_LEVELS] = PAGE_SIZE << PSS_SHIFT,
				.sole[PT_LEVELS] = true};
	tree_foreach(mm, a->start, a->end, count_entry, u);
	u->pss_locked = a->flags & AREA_LOCKED ? u->pss : 0;
}

static void show_in_smaps(const struct area *a, void *arg)
{
	const struct smaps *to = arg;
	struct seq *s = to->s;
	struct residency u;

	measure_area(to->mm, a, &u);
	show_area(s, a);
	show_kib(s, "Size:", (a->end - a->start) >> PAGE_SHIFT);
	show_kib(s, "KernelPageSize:", 1);
	show_kib(s, "MMUPageSize:", 1);
	show_residency(s, &u, false);
	seq_puts(s, "THPeligible:           0\n");
	show_flags(s, a->flags);
}

int proc_show_smaps(struct seq *s, struct mm *mm)
{
	struct smaps to = {.s = s, .mm = mm};

	mm_foreach_area(mm, show_in_smaps, &to);
	return 0;
}

static void add_to_rollup(const struct area *a, void *arg)
{
	struct smaps *to = arg;
	struct residency u, *sum = &to->sum;

	measure_area(to->mm, a, &u);
	sum->resident += u.resident;
	sum->anon += u.anon;
	sum->shared += u.shared;
	sum->pss += u.pss;
	sum->pss_anon += u.pss_anon;
	sum->pss_locked += u.pss_locked;
	to->start = to->start ?: a->start;
	to->end = a->end;
}

int proc_show_smaps_rollup(struct seq *s, struct mm *mm)
{
	struct smaps to = {.mm = mm};
	size_t from = s->len;

	mm_foreach_area(mm, add_to_rollup, &to);
	seq_printf(s, "%08lx-%08lx ---p 00000000 00:00 0 ", to.start, to.end);
	seq_printf(s, "%*s[rollup]\n", s->len - from < 73 ? (int)(73 - (s->len - from)) : 0, "");
	show_residency(s, &to.sum, true);
	return 0;
}
