/* The table has few entries, so it is searched from the front. */
#include "arch/x86_64/mm/extable.h"

struct extable_entry {
	u64 insn, fixup;
};
extern const struct extable_entry __ex_table_start[], __ex_table_end[];

static const struct extable_entry *find(u64 rip)
{
	for (const struct extable_entry *e = __ex_table_start; e < __ex_table_end; e++)
		if (e->insn == rip)
			return e;
	return NULL;
}

bool extable_has(u64 rip)
{
	return find(rip) != NULL;
}

bool extable_fixup(struct pt_regs *regs)
{
	const struct extable_entry *e = find(regs->rip);

	if (!e)
		return false;
	regs->rip = e->fixup;
	return true;
}
