/* peek, poke and touch: the selected puppet accesses its own memory in ring 3. */
#include <linux/mman.h>
#include "kernel/shell/report.h"
#include "mm/mm.h"

/* May the puppet access [addr, addr + 8) so? An order that faults would kill it. */
static bool may_access(const char *command, struct puppet *p, u64 addr, bool write)
{
	struct mm *mm scoped(mm_put) = puppet_get_mm(p);
	struct area a;
	bool mapped = mm && addr < TASK_SIZE - 8 && mm_find_area(mm, addr, &a) && addr >= a.start &&
		      addr + 8 <= a.end;
	bool allowed = mapped && (a.flags & (write ? AREA_WRITE : AREA_READ));

	if (!mapped)
		console_printf("%s: %#lx is not mapped in puppet %d\n", command, addr, p->pid);
	else if (!allowed)
		console_printf("%s: %#lx may not be %s by puppet %d\n", command, addr,
			       write ? "written" : "read", p->pid);
	return allowed;
}

SHELL_COMMAND(peek, "make", 0, 1, "peek [ADDR]",
	      "the puppet reads the 8 bytes at ADDR in ring 3 (its data word if none)")
{
	struct puppet_order order = {.nr = PUPPET_PEEK, .arg = {PUPPET_DATA}};
	long word;

	if (argc == 2 && !number_argument("peek", argv[1], &order.arg[0]))
		return STATUS_USAGE;
	struct puppet *p scoped(puppet_put) = puppet_ready();
	if (p == NULL || !may_access("peek", p, order.arg[0], false) ||
	    order_puppet(p, &order, &word) != CALL_DONE)
		return STATUS_FAILED;
	console_printf("%d: [%#lx] = %lu (%#lx)\n", p->pid, order.arg[0], (u64)word, (u64)word);
	return 0;
}

static void tell_poke(struct puppet *p, const struct puppet_order *o, const struct mm_stats *before,
		      const struct mm_stats *after)
{
	console_printf(
		"%d: [%#lx] = %lu; tables copied: %lu, pages copied: %lu, pages found to be its own: %lu\n",
		p->pid, o->arg[0], o->arg[1], after->cow_tables - before->cow_tables,
		after->cow_pages - before->cow_pages, after->cow_reused - before->cow_reused);
}

SHELL_COMMAND(poke, "make", 1, 2, "poke [ADDR] VALUE",
	      "the puppet writes 8 bytes at ADDR in ring 3 (its data word if none)")
{
	struct puppet_order order = {.nr = PUPPET_POKE, .arg = {PUPPET_DATA}};
	struct mm_stats before;
	long none;

	if ((argc == 3 && !number_argument("poke", argv[1], &order.arg[0])) ||
	    !number_argument("poke", argv[argc - 1], &order.arg[1]))
		return STATUS_USAGE;
	struct puppet *p scoped(puppet_put) = puppet_ready();
	if (p == NULL)
		return STATUS_FAILED;
	struct mm *mm scoped(mm_put) = puppet_get_mm(p);
	if (mm == NULL || !may_access("poke", p, order.arg[0], true))
		return STATUS_FAILED;
	before = mm->stats;
	if (order_puppet(p, &order, &none) != CALL_DONE)
		return STATUS_FAILED;
	tell_poke(p, &order, &before, &mm->stats);
	return 0;
}

static int touch(struct puppet *p, u64 bytes)
{
	struct puppet_order order = {.nr = PUPPET_TOUCH};
	long pages, addr = call_simple(p, true, __NR_mmap, 0, bytes, PROT_READ | PROT_WRITE,
				       MAP_PRIVATE | MAP_ANONYMOUS);

	if (addr < 0)
		return STATUS_FAILED;
	order.arg[0] = (u64)addr;
	order.arg[1] = bytes;
	if (order_puppet(p, &order, &pages) != CALL_DONE)
		return STATUS_FAILED;
	console_printf("%d: mapped %#lx-%#lx and wrote %ld pages, %lu ns\n", p->pid, (u64)addr,
		       (u64)addr + bytes, pages, cycles_to_ns(p->end_cycles - p->start_cycles));
	return 0;
}

SHELL_COMMAND(touch, "make", 1, 1, "touch MIB",
	      "the puppet maps MIB mebibytes and writes to each page of them in ring 3")
{
	u64 mib;

	if (!number_argument("touch", argv[1], &mib))
		return STATUS_USAGE;
	if (mib == 0 || mib > (TASK_SIZE >> 20))
		return shell_error(STATUS_USAGE, "touch: %s MiB is not a size\n", argv[1]);
	struct puppet *p scoped(puppet_put) = puppet_ready();
	return p ? touch(p, mib << 20) : STATUS_FAILED;
}
