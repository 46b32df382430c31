/* Where exec puts stack, mappings, program and heap: at Linux's addresses, moved by as many random
 * bits as on Linux, so that an attacker must guess. `norandmaps` on the command line and
 * personality(2)'s ADDR_NO_RANDOMIZE switch the randomness off. */
#include "kernel/exec/layout.h"

#include "arch/x86_64/arch.h"
#include "kernel/lib/random.h"
#include "kernel/lib/tunable.h"
#include "mm/mm.h"
#include <linux/personality.h>

#define STACK_BITS 22 /* of page number: 16 GiB */
#define MMAP_BITS  28 /* 1 TiB; of the program's place too */
#define HEAP_BITS  18 /* 1 GiB */
#define SKIP_BYTES 8192

#define PIE_BASE     ALIGN_DOWN(TASK_SIZE / 3 * 2, PAGE_SIZE)
#define MIN_GAP      (128UL << 20) /* between the top of the stack and mmap()'s first address */
#define MAX_GAP      (TASK_SIZE / 6 * 5)
#define STACK_RANDOM (PAGE_SIZE << STACK_BITS)

long norandmaps;
TUNABLE(norandmaps, "norandmaps", norandmaps, 0, 1, NULL,
	"programs started from now on have their parts at fixed addresses");

/* All random choices; zeroes without randomness. */
struct dice {
	u32 stack, mmap, program, heap, skip;
};

static u64 pages_of(u32 die, unsigned int bits)
{
	return ((u64)die & ((1UL << bits) - 1)) << PAGE_SHIFT;
}

/* mmap() begins below the stack at its largest. */
static u64 mmap_base(const struct mm *mm, bool random, const struct dice *dice)
{
	u64 gap = mm->limit_stack, pad = STACK_GAP + (random ? STACK_RANDOM : 0);

	if (gap + pad > gap)
		gap += pad;
	gap = gap < MIN_GAP ? MIN_GAP : MIN(gap, MAX_GAP);
	return ALIGN_UP(TASK_SIZE - gap - pages_of(dice->mmap, MMAP_BITS), PAGE_SIZE);
}

void layout_choose(struct exec_layout *l, struct mm *mm, bool pie, u32 personality)
{
	bool random = !READ_ONCE(norandmaps) && !(personality & ADDR_NO_RANDOMIZE);
	struct dice dice = {0};

	if (random)
		random_bytes(&dice, sizeof(dice));
	*l = (struct exec_layout){
		.stack_top = TASK_SIZE - pages_of(dice.stack, STACK_BITS),
		.stack_skip = dice.skip % SKIP_BYTES & ~15UL,
		.bias = pie ? PIE_BASE + pages_of(dice.program, MMAP_BITS) : 0,
		.heap_skip = pages_of(dice.heap, HEAP_BITS),
	};
	mm->mmap_base = mmap_base(mm, random, &dice);
}
