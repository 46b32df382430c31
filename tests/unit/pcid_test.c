/* PCIDs: CPUs whose TLBs forget nothing but what is flushed, and mms that change under them. What a
 * CPU reads through its TLB must be what the tables hold, unless it has yet to answer a flush. */
#include "tests/unit/host.h"

#include "arch/x86_64/mm/pcid.h"

#define CPUS  3
#define MMS   10
#define PAGES 4
#define NONE  (-1)

static u64 random_state = 1;
static u32 any(u32 n)
{
	random_state = random_state * 6364136223846793005UL + 1442695040888963407UL;
	return (u32)(random_state >> 33) % n;
}

static struct mm_model {
	u64 id, flushes;
	bool mask[CPUS];
	int page[PAGES]; /* what the tables hold */
} mms[MMS];

/* A flush that a CPU was asked for: a page, or all. */
struct request {
	int mm, page; /* mm NONE: none */
	u64 number;
};
static struct cpu_model {
	struct pcid_slots slots;
	int mm, tag;
	int tlb[PCID_SLOTS + 1][PAGES];
	struct request asked[CPUS]; /* by the CPU that asks */
} cpu_models[CPUS];
static u64 last_id;
static int last_value;

static void forget(int *tlb, int page)
{
	for (int i = 0; i < PAGES; i++)
		if (page == NONE || page == i)
			tlb[i] = NONE;
}

static void load(struct cpu_model *c, int cpu, int mm)
{
	int old = c->mm;
	u64 tag;

	mms[mm].mask[cpu] = true;
	tag = pcid_load(&c->slots, mms[mm].id, mms[mm].flushes);
	c->mm = mm;
	c->tag = (int)(tag & 0xfff);
	CHECK(c->tag >= 1 && c->tag <= PCID_SLOTS);
	if (!(tag & CR3_NO_FLUSH))
		forget(c->tlb[c->tag], NONE);
	if (old != NONE && old != mm)
		mms[old].mask[cpu] = false;
}

static void do_flush(struct cpu_model *c, const struct request *r)
{
	if (c->mm != r->mm)
		return;
	forget(c->tlb[c->tag], r->page);
	pcid_flushed(&c->slots, r->number);
}

static bool waits(int cpu)
{
	for (int i = 0; i < CPUS; i++)
		if (cpu_models[i].asked[cpu].mm != NONE)
			return true;
	return false;
}

static void change(int cpu, int mm)
{
	struct request r = {.mm = mm, .page = (int)any(PAGES + 1) - 1};

	for (int i = 0; i < PAGES; i++)
		if (r.page == NONE || r.page == i)
			mms[mm].page[i] = ++last_value;
	r.number = ++mms[mm].flushes;
	for (int i = 0; i < CPUS; i++) {
		if (!mms[mm].mask[i])
			continue;
		if (i == cpu)
			do_flush(&cpu_models[i], &r);
		else
			cpu_models[i].asked[cpu] = r;
	}
}

static void serve(struct cpu_model *c)
{
	struct request *r = &c->asked[any(CPUS)];

	if (r->mm != NONE)
		do_flush(c, r);
	r->mm = NONE;
}

static u32 kept;

static void read_page(struct cpu_model *c, int page)
{
	int *entry = &c->tlb[c->tag][page];

	if (*entry == NONE)
		*entry = mms[c->mm].page[page];
	else
		kept++;
	for (int i = 0; i < CPUS; i++)
		if (c->asked[i].mm == c->mm)
			return;
	CHECK_EQ(*entry, mms[c->mm].page[page]);
}

/* The struct serves another address space; no CPU has it loaded. */
static void renew(int mm)
{
	for (int i = 0; i < CPUS; i++)
		if (mms[mm].mask[i])
			return;
	mms[mm].id = ++last_id;
	mms[mm].flushes = 0;
	for (int i = 0; i < PAGES; i++)
		mms[mm].page[i] = ++last_value;
}

static void step(void)
{
	int cpu = (int)any(CPUS);
	struct cpu_model *c = &cpu_models[cpu];

	serve(c);
	if (waits(cpu))
		return;
	switch (any(8)) {
	case 0:
		load(c, cpu, (int)any(MMS));
		break;
	case 1:
		change(cpu, any(3) ? c->mm : (int)any(MMS));
		break;
	case 2:
		renew((int)any(MMS));
		break;
	default:
		read_page(c, (int)any(PAGES));
	}
}

TEST(random_steps)
{
	for (int i = 0; i < MMS; i++)
		renew(i);
	for (int cpu = 0; cpu < CPUS; cpu++) {
		struct cpu_model *c = &cpu_models[cpu];

		c->mm = NONE;
		for (int i = 0; i < CPUS; i++)
			c->asked[i].mm = NONE;
		load(c, cpu, 0);
	}
	for (int i = 0; i < 2000000 && !host_failures; i++)
		step();
	CHECK(kept > 100000);
}

/* Two mms that take turns keep their translations, also if one flushes while it runs. */
TEST(turns)
{
	struct pcid_slots s = {0};

	CHECK_EQ(pcid_load(&s, 7, 0), PCID_OF(0));
	CHECK_EQ(pcid_load(&s, 8, 0), PCID_OF(1));
	CHECK_EQ(pcid_load(&s, 7, 0), PCID_OF(0) | CR3_NO_FLUSH);
	pcid_flushed(&s, 1);
	CHECK_EQ(pcid_load(&s, 8, 0), PCID_OF(1) | CR3_NO_FLUSH);
	CHECK_EQ(pcid_load(&s, 7, 1), PCID_OF(0) | CR3_NO_FLUSH);
	CHECK_EQ(pcid_load(&s, 8, 1), PCID_OF(1)); /* flushed from elsewhere */
}

TEST(more_than_slots)
{
	struct pcid_slots s = {0};

	for (u64 id = 1; id <= PCID_SLOTS + 1; id++)
		CHECK(!(pcid_load(&s, id, 0) & CR3_NO_FLUSH));
	CHECK(!(pcid_load(&s, 1, 0) & CR3_NO_FLUSH));
	CHECK(pcid_load(&s, PCID_SLOTS, 0) & CR3_NO_FLUSH);
}

TEST_MAIN
