/*
 * Keys, by which futexes are known, and the buckets in which waiters are found by their keys.
 *
 * Private memory is known by (mm, address), shared memory by (object, offset), so that a word has
 * the same key wherever it is mapped. A key holds a reference to its object or mm, so that no other
 * memory can take its place while a task waits. A key made with FUTEX_PRIVATE_FLAG needs no
 * reference, since the waiter lives in that mm; without the flag the waiter may have been requeued
 * from shared memory by another process.
 *
 * A caller that must read or change the word holds mm->lock from the look-up on. The page then
 * stays mapped, and the word is used through the direct map, also under a bucket's spinlock.
 */
#include "kernel/futex/futex_internal.h"

#include "kernel/lib/random.h"
#include "kernel/task.h"
#include "mm/mm.h"

/* Offsets are multiples of 4. The low bit marks keys of private memory that were made without
 * FUTEX_PRIVATE_FLAG: as on Linux they differ from those made with it. */
#define KEY_WITHOUT_FLAG 1

static struct futex_bucket *buckets;
static u32 bucket_bits;   /* there are 1 << bucket_bits */
static u64 bucket_key[2]; /* random, constant after boot: no program can aim at one bucket */

/* One bucket for every 64 pages of memory, within limits. */
void futex_init(void)
{
	unsigned int order = 0;
	struct page *p;

	while (order < 5 && (PAGE_SIZE / sizeof(*buckets) << order) * 64 < nr_total_pages())
		order++;
	p = alloc_pages(order, ALLOC_ZERO);
	if (!p)
		panic("no memory for the futexes' buckets\n");
	buckets = page_to_virt(p);
	bucket_bits = (u32)__builtin_ctzl(PAGE_SIZE / sizeof(*buckets) << order);
	for (u32 i = 0; i < 1U << bucket_bits; i++) {
		spin_lock_init(&buckets[i].lock, LOCK_FUTEX);
		list_init(&buckets[i].waiters);
	}
	bucket_key[0] = random_u64();
	bucket_key[1] = random_u64() | 1;
}

/* ---- keys ---- */

void key_get(const struct futex_key *key)
{
	if (key->obj)
		object_get(key->obj);
	else if (key->offset & KEY_WITHOUT_FLAG)
		mm_grab(key->mm);
}

void key_put(const struct futex_key *key)
{
	if (key->obj)
		object_put(key->obj);
	else if (key->offset & KEY_WITHOUT_FLAG)
		mm_drop(key->mm);
}

bool same_key(const struct futex_key *a, const struct futex_key *b)
{
	return a->mm == b->mm && a->obj == b->obj && a->offset == b->offset;
}

struct futex_bucket *bucket_of(const struct futex_key *key)
{
	u64 space = key->obj ? (u64)key->obj : (u64)key->mm;
	unsigned __int128 h = (unsigned __int128)(space ^ bucket_key[0]) * bucket_key[1];

	h = (unsigned __int128)((u64)h ^ (u64)(h >> 64) ^ key->offset) * bucket_key[1];
	return &buckets[((u64)h ^ (u64)(h >> 64)) >> (64 - bucket_bits)];
}

void bucket_add(struct futex_bucket *b, struct futex_waiter *w)
{
	struct futex_waiter *at;

	w->bucket = b;
	w->arrival = ++b->arrivals;
	w->prio = MIN(w->task->normal_prio, MAX_RT_PRIO);
	/* from the end, where a task that is not real-time finds its place at once */
	for (at = list_last_entry(&b->waiters, struct futex_waiter, link);
	     &at->link != &b->waiters && at->prio > w->prio;
	     at = list_last_entry(&at->link, struct futex_waiter, link))
		;
	list_add(&w->link, &at->link);
}

/* The key of a word that may be shared depends on its page, so the page is faulted in, for writing
 * if that is allowed. A page of an object is known by the object, also in a private mapping that
 * has not copied it yet. The caller holds the lock of current->mm. */
static enum fault_result key_by_page(u64 addr, enum fault_access access, struct futex_key *key)
{
	struct mm *mm = current->mm;
	const struct area *area;
	bool read_only = false;
	void *word;
	enum fault_result r = mm_fault_locked(mm, addr, ACCESS_WRITE, &word);

	if (r == FAULT_ACCERR && access == ACCESS_READ) {
		r = mm_fault_locked(mm, addr, ACCESS_READ, &word);
		read_only = true;
	}
	if (r != FAULT_OK)
		return r;
	area = mm_area_at(mm, addr);
	if (virt_to_page(word)->flags & PG_CACHE)
		*key = (struct futex_key){
			.obj = area->obj,
			.offset = addr - area->start + area->pgoff * PAGE_SIZE,
		};
	else if (read_only) /* a word that can never change: an error, as on Linux */
		return FAULT_ACCERR;
	else
		key->offset |= KEY_WITHOUT_FLAG;
	return FAULT_OK;
}

/* True in writable private memory, where the address is the key whatever page is mapped. */
static always_inline bool key_by_area(u64 addr, struct futex_key *key)
{
	const struct area *area = mm_area_at(current->mm, addr);

	if (!area || area->obj || !(area->flags & AREA_WRITE))
		return false;
	*key = (struct futex_key){.mm = current->mm, .offset = addr | KEY_WITHOUT_FLAG};
	return true;
}

/* One try of pin_word_and_key(), under the mm's lock; `word` or `key` may be NULL. */
static enum fault_result try_pin(u64 addr, bool private, enum fault_access access,
				 struct futex_key *key, void **word)
{
	enum fault_result r = FAULT_OK;

	if (key) {
		*key = (struct futex_key){.mm = current->mm, .offset = addr};
		if (!private && !key_by_area(addr, key))
			r = key_by_page(addr, access, key);
	}
	if (r == FAULT_OK && word)
		r = mm_fault_locked(current->mm, addr, access, word);
	if (r == FAULT_OK && key)
		key_get(key);
	return r;
}

/* 0 with mm->lock held, or an error without it. */
static noinline int pin(u64 addr, bool private, enum fault_access access, struct futex_key *key,
			void **word)
{
	struct mm *mm = current->mm;

	if (addr % sizeof(u32))
		return -EINVAL;
	for (;;) {
		enum fault_result result;

		mutex_lock(&mm->lock);
		result = try_pin(addr, private, access, key, word);
		if (result == FAULT_OK)
			return 0;
		mutex_unlock(&mm->lock);
		if (result != FAULT_OOM || fatal_signal_pending(current) || !out_of_memory(0))
			return -EFAULT;
	}
}

static noinline u32 *pin_slowly(u64 addr, bool private, enum fault_access access,
				struct futex_key *key)
{
	void *word;
	int err = pin(addr, private, access, key, &word);

	return err ? ERR_PTR(err) : word;
}

u32 *pin_word(u64 addr, enum fault_access access)
{
	return pin_slowly(addr, true, access, NULL);
}

/* The fast path is for a word on a page that is mapped already. */
u32 *pin_word_and_key(u64 addr, bool private, enum fault_access access, struct futex_key *key)
{
	struct mm *mm = current->mm;
	u32 *word = NULL;

	if (addr % sizeof(u32))
		return ERR_PTR(-EINVAL);
	mutex_lock(&mm->lock);
	if (private)
		*key = (struct futex_key){.mm = mm, .offset = addr};
	if (private || key_by_area(addr, key))
		word = mm_look(mm, addr, access);
	if (likely(word)) {
		key_get(key);
		return word;
	}
	mutex_unlock(&mm->lock);
	return pin_slowly(addr, private, access, key);
}

static noinline int key_slowly(u64 addr, enum fault_access access, struct futex_key *key)
{
	int err = pin(addr, false, access, key, NULL);

	if (!err)
		unpin_word();
	return err;
}

/* With `private` the address is the key, and nothing is looked up. */
int get_futex_key(u64 addr, bool private, enum fault_access access, struct futex_key *key)
{
	struct mm *mm = current->mm;
	bool known;

	if (addr % sizeof(u32))
		return -EINVAL;
	if (addr >= TASK_SIZE)
		return -EFAULT;
	if (private) {
		*key = (struct futex_key){.mm = current->mm, .offset = addr};
		return 0;
	}
	mutex_lock(&mm->lock);
	known = key_by_area(addr, key);
	if (known)
		mm_grab(mm);
	mutex_unlock(&mm->lock);
	return known ? 0 : key_slowly(addr, access, key);
}

void unpin_word(void)
{
	mutex_unlock(&current->mm->lock);
}
