/*
 * The generator behind getrandom(2), /dev/random, /dev/urandom, AT_RANDOM and random addresses.
 *
 * ChaCha20 with fast key erasure: each refill of the store takes a few blocks of the key's stream,
 * and the first half block becomes the next key; requests take bytes from the store and leave
 * zeroes. What was handed out cannot be computed from what is in memory afterwards.
 *
 * Seeded by RDSEED or RDRAND where the CPU has them, by the time of day, and by the time-stamp
 * counter at each interrupt; without those instructions also by how long memory takes to answer at
 * boot. Seeded anew once a minute. `random.seed=N` makes it a function of N alone: runs with
 * --icount repeat.
 */
#include "kernel/lib/random.h"

#include "arch/x86_64/arch.h"
#include "kernel/lib/atomic.h"
#include "kernel/lib/chacha20.h"
#include "kernel/lib/log.h"
#include "kernel/lib/nsec.h"
#include "kernel/lib/scope.h"
#include "kernel/lib/string.h"
#include "kernel/lib/tunable.h"

#define RESEED_NS (60 * NSEC_PER_SEC)
#define POOL      4

static long fixed_seed = -1;
TUNABLE_AT_BOOT(random_seed, "random.seed", fixed_seed, -1, 0x7fffffff, NULL,
		"random numbers are a function of this; -1: unpredictable");

static spinlock_t random_lock = SPINLOCK_INIT(LOCK_RANDOM);
static u32 key[CHACHA_KEY_WORDS]; /* random_lock */
static u64 reseed_at;             /* random_lock */
/* random_lock: made for the requests to come; the last `left` bytes are still good. */
#define STORE_BLOCKS 4
static union {
	u32 block[STORE_BLOCKS][16];
	u8 bytes[STORE_BLOCKS * CHACHA_BLOCK_BYTES];
} store;
static size_t left;
/* Gathered since the last seeding. Updates may overwrite each other: a lost one does no harm. */
static u64 pool[POOL];

static const u32 no_nonce[3];

/* ---- seeding ---- */

void random_add_event(void)
{
	u64 now = cpu_cycles(), *p = &pool[now % POOL];

	WRITE_ONCE(*p, (READ_ONCE(*p) << 7 | READ_ONCE(*p) >> 57) ^ now * 0x9e3779b97f4a7c15UL);
}

/* Make the key a function of itself and 256 bits, which cannot be undone. Under random_lock. */
static void stir(const u64 more[POOL])
{
	u32 block[16];

	for (int i = 0; i < POOL; i++) {
		key[2 * i] ^= (u32)more[i];
		key[2 * i + 1] ^= (u32)(more[i] >> 32);
	}
	chacha20_block(key, 0, no_nonce, block);
	memcpy(key, block, sizeof(key));
	left = 0; /* the store comes from the old key */
}

/* Caller holds random_lock. */
static void reseed(void)
{
	u64 seed[POOL];

	for (int i = 0; i < POOL; i++) {
		if (!arch_random(&seed[i]))
			seed[i] = cpu_cycles();
		seed[i] ^= READ_ONCE(pool[i]);
	}
	stir(seed);
	reseed_at = arch_clock_ns() + RESEED_NS;
}

/* For CPUs without RDRAND: the time that reads of memory take varies in its lowest bits. */
static void gather_jitter(void)
{
	volatile u8 *memory = (volatile u8 *)init_stack;

	for (u32 i = 0; i < 8192; i++) {
		(void)memory[cpu_cycles() * 61 % KERNEL_STACK_SIZE];
		random_add_event();
	}
}

void random_init(void)
{
	u64 seed[POOL] = {(u64)fixed_seed}, flags;
	bool by_cpu = arch_random(&seed[1]);

	if (fixed_seed >= 0) {
		seed[1] = 0;
	} else {
		seed[2] = arch_wall_clock() * NSEC_PER_SEC + arch_clock_ns();
		if (!by_cpu)
			gather_jitter();
	}
	flags = spin_lock_irqsave(&random_lock);
	stir(seed);
	reseed_at = TIME_FOREVER;
	if (fixed_seed < 0)
		reseed();
	spin_unlock_irqrestore(&random_lock, flags);
	pr_info("random: seeded by %s\n", fixed_seed >= 0 ? "random.seed"
					  : by_cpu        ? "the CPU"
							  : "timing");
}

void random_stir(const void *data, size_t n)
{
	const char *from = data;

	while (n > 0) {
		u64 more[POOL] = {0};
		size_t part = MIN(n, sizeof(more));

		memcpy(more, from, part);
		guard_irq(&random_lock);
		stir(more);
		from += part;
		n -= part;
	}
}

/* ---- numbers ---- */

/* Caller holds random_lock. */
static void refill(void)
{
	if (arch_clock_ns() >= reseed_at)
		reseed();
	for (u32 i = 0; i < STORE_BLOCKS; i++)
		chacha20_block(key, i, no_nonce, store.block[i]);
	memcpy(key, store.bytes, sizeof(key));
	memset(store.bytes, 0, sizeof(key));
	left = sizeof(store) - sizeof(key);
}

/* Copy at most n bytes from the store. Returns how many. */
static size_t take(void *buf, size_t n)
{
	guard_irq(&random_lock);
	u8 *from;

	if (!left)
		refill();
	n = MIN(n, left);
	from = store.bytes + sizeof(store) - left;
	memcpy(buf, from, n);
	memset(from, 0, n);
	left -= n;
	return n;
}

void random_bytes(void *buf, size_t n)
{
	for (size_t done = 0; done < n;)
		done += take((char *)buf + done, n - done);
}

u64 random_u64(void)
{
	u64 v;

	random_bytes(&v, sizeof(v));
	return v;
}
