/* peek, poke and touch: the selected puppet uses its own memory, by ring 3's loads and stores. */
#include <linux/mman.h>
#include "kernel/lib/log.h"
#include "kernel/lib/string.h"
#include "kernel/lib/syscall.h"
#include "kernel/sharing.h"
#include "kernel/shell/report.h"
#include "kernel/task.h"
#include "mm/mm.h"

/* [addr, addr + 8) may be accessed so, by the areas: an order that faults would kill the puppet. */
static bool may_access(const char *command, struct puppet *p, u64 addr, bool write)
{
	u32 need = write ? AREA_WRITE : AREA_READ;
	struct task *t = puppet_task(p);
	struct mm *mm = t ? task_get_mm(t) : NULL;
	struct area a;
	bool mapped = false, allowed = false;

	if (mm) {
		mapped = addr < TASK_SIZE - 8 && mm_find_area(mm, addr, &a) && addr >= a.start &&
			 addr + 8 <= a.end;
		allowed = mapped && (a.flags & need);
		mm_put(mm);
	}
	if (t)
		put_task(t);
	if (!mapped)
		console_printf("%s: %#lx is not mapped in puppet %d\n", command, addr, p->pid);
	else if (!allowed)
		console_printf("%s: %#lx may not be %s by puppet %d\n", command, addr,
			       write ? "written" : "read", p->pid);
	return allowed;
}

SHELL_COMMAND(peek, "make", "peek [ADDR]",
	      "the puppet reads the 8 bytes at ADDR in ring 3 (its data word if none)")
{
	struct puppet_order order = {.nr = PUPPET_PEEK, .arg = {PUPPET_DATA}};
	struct puppet *p;
	struct call c;
	int status = STATUS_FAILED;

	if (argc > 2)
		return shell_usage("peek");
	if (argc == 2 && !number_argument("peek", argv[1], &order.arg[0]))
		return STATUS_USAGE;
	p = puppet_ready();
	if (p == NULL)
		return STATUS_FAILED;
	if (may_access("peek", p, order.arg[0], false)) {
		call_puppet(&c, p, &order);
		if (c.end == CALL_DONE) {
			console_printf("%d: [%#lx] = %lu (%#lx)\n", p->pid, order.arg[0],
				       (u64)c.result, (u64)c.result);
			status = 0;
		}
		call_finish(&c);
	}
	puppet_put(p);
	return status;
}

static void tell_poke(struct puppet *p, const struct puppet_order *o, const struct mm_stats *before,
		      const struct mm_stats *after)
{
	console_printf(
		"%d: [%#lx] = %lu; tables copied: %lu, pages copied: %lu, pages found to be its own: %lu\n",
		p->pid, o->arg[0], o->arg[1], after->cow_tables - before->cow_tables,
		after->cow_pages - before->cow_pages, after->cow_reused - before->cow_reused);
}

SHELL_COMMAND(poke, "make", "poke [ADDR] VALUE",
	      "the puppet writes 8 bytes at ADDR in ring 3 (its data word if none)")
{
	struct puppet_order order = {.nr = PUPPET_POKE, .arg = {PUPPET_DATA}};
	struct mm_stats before;
	struct puppet *p;
	struct mm *mm;
	struct call c;
	int status = STATUS_FAILED;

	if (argc < 2 || argc > 3)
		return shell_usage("poke");
	if ((argc == 3 && !number_argument("poke", argv[1], &order.arg[0])) ||
	    !number_argument("poke", argv[argc - 1], &order.arg[1]))
		return STATUS_USAGE;
	p = puppet_ready();
	if (p == NULL)
		return STATUS_FAILED;
	mm = p->task ? task_get_mm(p->task) : NULL;
	if (mm && may_access("poke", p, order.arg[0], true)) {
		before = mm->stats;
		call_puppet(&c, p, &order);
		if (c.end == CALL_DONE) {
			tell_poke(p, &order, &before, &mm->stats);
			status = 0;
		}
		call_finish(&c);
	}
	if (mm)
		mm_put(mm);
	puppet_put(p);
	return status;
}

static int touch(struct puppet *p, u64 bytes)
{
	struct puppet_order order = {.nr = PUPPET_TOUCH};
	struct call c;
	long addr = call_simple(p, true, __NR_mmap, 0, bytes, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS);

	if (addr < 0)
		return STATUS_FAILED;
	order.arg[0] = (u64)addr;
	order.arg[1] = bytes;
	call_puppet(&c, p, &order);
	if (c.end == CALL_DONE)
		console_printf("%d: mapped %#lx-%#lx and wrote %ld pages, %lu ns\n", p->pid,
			       (u64)addr, (u64)addr + bytes, c.result,
			       cycles_to_ns(p->end_cycles - p->start_cycles));
	int status = c.end == CALL_DONE ? 0 : STATUS_FAILED;

	call_finish(&c);
	return status;
}

SHELL_COMMAND(touch, "make", "touch MIB",
	      "the puppet maps MIB mebibytes and writes to each page of them in ring 3")
{
	u64 mib;
	struct puppet *p;
	int status;

	if (argc != 2)
		return shell_usage("touch");
	if (!number_argument("touch", argv[1], &mib))
		return STATUS_USAGE;
	if (mib == 0 || mib > (TASK_SIZE >> 20)) {
		console_printf("touch: %s MiB is not a size\n", argv[1]);
		return STATUS_USAGE;
	}
	p = puppet_ready();
	if (p == NULL)
		return STATUS_FAILED;
	status = touch(p, mib << 20);
	puppet_put(p);
	return status;
}
