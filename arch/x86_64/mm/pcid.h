/*
 * Which address spaces a CPU keeps in its TLB under numbers of their own (PCID: SDM vol.
 * 3A, 4.10.1). Pure: tests/unit/pcid_test.c.
 *
 * Each flush of an mm has a number: mm->flushes counts them, and is raised after the tables have
 * changed and before the CPUs to ask are looked up. A slot tells up to which flush the CPU's
 * translations follow the mm's tables. They are kept only if no flush came since; so a CPU that
 * does not have the mm loaded need not be asked, and a reference may be dropped as before.
 */
#pragma once

#include "kernel/lib/types.h"

#define PCID_SLOTS    6
#define CR3_NO_FLUSH  (1UL << 63) /* keep the translations under the number that is loaded */
#define PCID_OF(slot) ((slot) + 1UL)

struct pcid_slots {
	struct {
		u64 mm_id; /* never given to another mm; 0: the kernel's own tables */
		u64 flushed;
	} slot[PCID_SLOTS];
	u32 loaded, victim;
};

/* The bits of CR3 beside the root's address, for the mm that this CPU loads. `flushes` was read
 * when the CPU's bit in the mm's cpu_mask was set already. */
static inline u64 pcid_load(struct pcid_slots *s, u64 mm_id, u64 flushes)
{
	u64 keep = CR3_NO_FLUSH;
	u32 i = 0;

	while (i < PCID_SLOTS && s->slot[i].mm_id != mm_id)
		i++;
	if (i == PCID_SLOTS) {
		i = s->victim;
		s->victim = (i + 1) % PCID_SLOTS;
		s->slot[i].mm_id = mm_id;
		keep = 0;
	}
	if (s->slot[i].flushed != flushes)
		keep = 0;
	s->slot[i].flushed = flushes;
	s->loaded = i;
	return PCID_OF(i) | keep;
}

/* This CPU has done flush number `flush` of the mm that it has loaded. If it has not done all the
 * flushes before, the slot stays behind, and is emptied when it is loaded again. */
static inline void pcid_flushed(struct pcid_slots *s, u64 flush)
{
	if (s->slot[s->loaded].flushed == flush - 1)
		s->slot[s->loaded].flushed = flush;
}
