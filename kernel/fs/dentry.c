/*
 * Names: dentries, and the directories that hold them.
 *
 * A directory is a hash table for look-ups and a list in order of creation for getdents64. The
 * table starts inside the struct and grows with its entries; without memory for a bigger one,
 * chains get longer. Each new entry moves two chains from the smaller table to the bigger one, so
 * no single addition has to move them all.
 */
#include "kernel/fs/vfs.h"
#include "kernel/lib/random.h"
#include "mm/slab.h"

#define FEW_BUCKETS 8
#define BUCKETS_MAX (1u << 19) /* kmalloc() has no larger table */

struct directory {
	spinlock_t lock;          /* LOCK_DCACHE: buckets and chains */
	u32 nr;                   /* entries; the directory's inode->lock to write */
	u32 nr_buckets;           /* a power of two */
	bool dead;                /* removed: no new entries. inode->lock to write */
	struct dentry **buckets;  /* few[], or allocated */
	struct dentry **old;      /* the previous table; NULL: all of it has been moved */
	u32 nr_old, moved;        /* its size, and the number of its moved chains */
	struct list_head entries; /* inode->lock: oldest first, by rising cookie */
	u64 next_cookie;          /* inode->lock */
	struct dentry *few[FEW_BUCKETS];
};

struct dentry *fs_root;
struct mutex rename_lock = MUTEX_INIT(rename_lock, LOCK_RENAME);
static spinlock_t tree_lock = SPINLOCK_INIT(LOCK_DCACHE);
static struct kmem_cache *dentry_cache, *directory_cache;
static u64 hash_key[2]; /* constant once random */

void dentry_init(void)
{
	hash_key[0] = random_u64();
	hash_key[1] = random_u64() | 1;
	dentry_cache = kmem_cache_create("dentry", sizeof(struct dentry), 0);
	directory_cache = kmem_cache_create("directory", sizeof(struct directory), 0);
}

/* Up to 7 bytes as a number. */
static inline u64 load_rest(const char *s, u32 len)
{
	u64 w = 0;

	while (len--)
		w = w << 8 | (u8)s[len];
	return w;
}

/* The two halves of a 128-bit product, XORed. */
static inline u64 fold(u64 a, u64 b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (u64)product ^ (u64)(product >> 64);
}

/* Keyed, so that names cannot be chosen to share a chain. */
u32 name_hash(const char *s, u32 len)
{
	u64 h = hash_key[0] ^ len, w;

	for (; len >= sizeof(w); s += sizeof(w), len -= sizeof(w)) {
		memcpy(&w, s, sizeof(w));
		h = fold(h ^ w, hash_key[1]);
	}
	h = fold(h ^ load_rest(s, len), hash_key[1]);
	return (u32)(h ^ h >> 32);
}

/* Copy the name, into `d` if it is short. NULL without memory. */
static const char *name_store(struct dentry *d, const struct qname *name)
{
	char *s = name->len < NAME_INLINE ? d->inline_name : kmalloc(name->len + 1);

	if (!s)
		return NULL;
	memcpy(s, name->s, name->len);
	s[name->len] = '\0';
	return s;
}

struct dentry *dentry_alloc(const struct qname *name, struct inode *inode)
{
	struct dentry *d = inode ? kmem_cache_zalloc(dentry_cache) : NULL;

	if (d)
		d->name = name_store(d, name);
	if (!d || !d->name) {
		if (d)
			kmem_cache_free(dentry_cache, d);
		inode_put(inode);
		return NULL;
	}
	refcount_set(&d->count, 1);
	d->len = name->len;
	d->hash = name->hash;
	d->inode = inode;
	list_init(&d->sibling);
	return d;
}

struct dentry *dentry_make_root(struct inode *inode)
{
	struct qname name = qname_of("/", 1);
	struct dentry *d = dentry_alloc(&name, inode);

	if (d)
		d->parent = d;
	return d;
}

struct dentry *dentry_anonymous(struct inode *inode)
{
	return dentry_make_root(inode) ?: ERR_PTR(-ENOMEM);
}

/* A loop: the last reference to a deep unlinked directory frees the whole path. */
void dentry_put(struct dentry *d)
{
	while (d && refcount_dec_and_test(&d->count)) {
		struct dentry *parent = d->parent == d ? NULL : d->parent;

		inode_put(d->inode);
		if (d->name != d->inline_name)
			kfree((void *)d->name);
		kmem_cache_free(dentry_cache, d);
		d = parent;
	}
}

struct dentry *dentry_parent(struct dentry *d)
{
	guard_spin(&tree_lock);
	return dentry_get(d->parent);
}

u32 dentry_name(const struct dentry *d, char *name, bool *unlinked)
{
	guard_spin(&tree_lock);
	memcpy(name, d->name, d->len);
	*unlinked = d->unlinked;
	return d->len;
}

bool dentry_is_below(struct dentry *d, struct dentry *top)
{
	/* no lock: rename_lock fixes what is above a directory, and a dentry holds its parent */
	while (d != top && !dentry_is_root(d))
		d = READ_ONCE(d->parent);
	return d == top;
}

char *dentry_path(struct dentry *d, struct dentry *root, char *buf, size_t n, bool *gone)
{
	char *p = buf + n - 1;

	*p = '\0';
	guard_spin(&tree_lock);
	*gone = d->unlinked;
	for (; d != root; d = d->parent) {
		while (d->covers && d != root)
			d = d->covers;
		if (d == root || d->parent == d)
			break;
		if ((size_t)(p - buf) < d->len + 1UL)
			return ERR_PTR(-ENAMETOOLONG);
		p -= d->len;
		memcpy(p, d->name, d->len);
		*--p = '/';
	}
	if (d != root)
		*gone = true;
	if (!*p && p > buf)
		*--p = '/';
	return p;
}

ssize_t dentry_describe(struct dentry *d, char *buf, size_t n)
{
	struct dentry *root scoped(dentry_put) = NULL;
	char *path;
	bool gone;
	size_t len;

	fs_get_root_pwd(&root, NULL);
	path = dentry_path(d, root, buf, n, &gone);
	if (IS_ERR(path))
		return PTR_ERR(path);
	len = strlen(path);
	memmove(buf, path, len + 1);
	if (gone)
		len += strlcpy(buf + len, " (deleted)", n - len);
	return (ssize_t)len;
}

/* ---- mounts ---- */

struct dentry *dentry_cross(struct dentry *d)
{
	struct dentry *top = d;

	if (!dentry_is_covered(d))
		return d;
	spin_lock(&tree_lock);
	while (top->covered_by)
		top = top->covered_by;
	dentry_get(top);
	spin_unlock(&tree_lock);
	dentry_put(d);
	return top;
}

struct dentry *dentry_up(struct dentry *d, struct dentry *root)
{
	guard_spin(&tree_lock);
	while (d->covers && d != root)
		d = d->covers;
	if (d != root)
		d = d->parent;
	while (d->covered_by && d != root) /* the parent may be covered by a mount */
		d = d->covered_by;
	return dentry_get(d);
}

int dentry_cover(struct dentry *d, struct dentry *top)
{
	guard_spin(&tree_lock);
	if (d->unlinked)
		return -ENOENT;
	if (d->covered_by)
		return -EBUSY;
	WRITE_ONCE(d->covered_by, dentry_get(top));
	top->covers = dentry_get(d);
	return 0;
}

void dentry_uncover(struct dentry *top)
{
	struct dentry *d;

	spin_lock(&tree_lock);
	d = top->covers;
	top->covers = NULL;
	WRITE_ONCE(d->covered_by, NULL);
	spin_unlock(&tree_lock);
	dentry_put(d);
	dentry_put(top);
}

/* ---- directories ---- */

struct directory *directory_create(void)
{
	struct directory *dir = kmem_cache_zalloc(directory_cache);

	if (!dir)
		return NULL;
	spin_lock_init(&dir->lock, LOCK_DCACHE);
	dir->nr_buckets = FEW_BUCKETS;
	dir->buckets = dir->few;
	list_init(&dir->entries);
	dir->next_cookie = 2; /* 0 and 1 are "." and ".." */
	return dir;
}

void directory_free(struct directory *dir)
{
	BUG_ON(dir->nr != 0);
	if (dir->buckets != dir->few)
		kfree(dir->buckets);
	if (dir->old != dir->few)
		kfree(dir->old);
	kmem_cache_free(directory_cache, dir);
}

u32 directory_size(const struct directory *dir)
{
	return dir ? READ_ONCE(dir->nr) : 0;
}

bool directory_dead(const struct directory *dir)
{
	return dir && dir->dead;
}

static struct dentry **bucket_of(struct directory *dir, u32 hash)
{
	if (unlikely(dir->old) && (hash & (dir->nr_old - 1)) >= dir->moved)
		return &dir->old[hash & (dir->nr_old - 1)];
	return &dir->buckets[hash & (dir->nr_buckets - 1)];
}

struct dentry *directory_lookup(struct dentry *dir, const struct qname *name)
{
	struct directory *in = dir->inode->dir;
	struct dentry *d;

	guard_spin(&in->lock);
	for (d = *bucket_of(in, name->hash); d; d = d->hash_next)
		if (d->hash == name->hash && d->len == name->len &&
		    !memcmp(d->name, name->s, d->len))
			return dentry_get(d);
	return NULL;
}

static void chain_add(struct directory *dir, struct dentry *d)
{
	struct dentry **bucket = bucket_of(dir, d->hash);

	d->hash_next = *bucket;
	*bucket = d;
}

static void chain_del(struct directory *dir, struct dentry *d)
{
	struct dentry **link = bucket_of(dir, d->hash);

	while (*link != d)
		link = &(*link)->hash_next;
	*link = d->hash_next;
	d->hash_next = NULL;
}

void directory_kill(struct directory *dir)
{
	dir->dead = true;
}

/* The size for the table: larger when chains average two entries, smaller when most are empty. */
static u32 fitting_size(const struct directory *dir)
{
	u32 n = dir->nr_buckets;

	if (dir->nr >= n * 2 && n < BUCKETS_MAX)
		return n * 4;
	return n > FEW_BUCKETS && dir->nr < n / 8 ? n / 4 : n;
}

static void begin_resizing(struct directory *dir)
{
	u32 n = fitting_size(dir);
	struct dentry **fresh;

	if (n == dir->nr_buckets)
		return;
	fresh = n == FEW_BUCKETS ? dir->few : kmalloc(n * sizeof(*fresh));
	if (!fresh)
		return;
	memset(fresh, 0, n * sizeof(*fresh));
	guard_spin(&dir->lock);
	dir->old = dir->buckets;
	dir->nr_old = dir->nr_buckets;
	dir->moved = 0;
	dir->buckets = fresh;
	dir->nr_buckets = n;
}

/* The directory's spinlock is held. */
static void move_chain(struct directory *dir)
{
	struct dentry *d = dir->old[dir->moved++], *next;

	for (; d; d = next) {
		next = d->hash_next;
		chain_add(dir, d);
	}
}

/* Most chains of a table that is too large are empty. */
#define CHAINS_GROWING   2
#define CHAINS_SHRINKING 16
static void go_on_resizing(struct directory *dir)
{
	u32 chains = dir->nr_old < dir->nr_buckets ? CHAINS_GROWING : CHAINS_SHRINKING;
	struct dentry **old = dir->old;

	spin_lock(&dir->lock);
	while (chains-- > 0 && dir->moved < dir->nr_old)
		move_chain(dir);
	if (dir->moved == dir->nr_old)
		dir->old = NULL;
	spin_unlock(&dir->lock);
	if (!dir->old && old != dir->few)
		kfree(old);
}

/* Take a step towards a fitting table, before an addition or after a removal. Under inode->lock. */
static void directory_resize(struct directory *dir)
{
	if (!dir->old)
		begin_resizing(dir);
	if (unlikely(dir->old))
		go_on_resizing(dir);
}

/* Insert an entry that is in no list. The directory's spinlock is held. */
static void directory_insert(struct directory *dir, struct dentry *d)
{
	d->cookie = dir->next_cookie++;
	list_add_tail(&d->sibling, &dir->entries);
	WRITE_ONCE(dir->nr, dir->nr + 1);
	chain_add(dir, d);
}

static void directory_take_out(struct directory *dir, struct dentry *d)
{
	chain_del(dir, d);
	list_del_init(&d->sibling);
	WRITE_ONCE(dir->nr, dir->nr - 1);
}

void directory_add(struct dentry *dir, struct dentry *d)
{
	struct directory *in = dir->inode->dir;

	directory_resize(in);
	d->parent = dentry_get(dir); /* not visible yet */
	dentry_get(d);
	guard_spin(&in->lock);
	directory_insert(in, d);
}

static void mark_unlinked(struct dentry *d)
{
	d->unlinked = true;
	if (inode_is(d->inode, S_IFDIR) && d->inode->dir)
		d->inode->dir->dead = true;
}

void directory_remove(struct dentry *dir, struct dentry *d)
{
	struct directory *in = dir->inode->dir;

	spin_lock(&in->lock);
	directory_take_out(in, d);
	spin_unlock(&in->lock);
	directory_resize(in);
	spin_lock(&tree_lock);
	mark_unlinked(d);
	spin_unlock(&tree_lock);
	dentry_put(d);
}

/* Both tables' locks are held throughout: no look-up sees the gap between the old name and the new
 * one, and a replaced name is never missing. */
int directory_move(struct dentry *from, struct dentry *d, struct dentry *to,
		   const struct qname *name, struct dentry *victim)
{
	struct directory *in = from->inode->dir, *out = to->inode->dir;
	char *longer = name->len < NAME_INLINE ? NULL : kmalloc(name->len + 1);
	struct dentry *old_parent;
	const char *old_name;

	if (name->len >= NAME_INLINE && !longer)
		return -ENOMEM;
	directory_resize(out);
	spin_lock_two(&in->lock, &out->lock);
	spin_lock_nested(&tree_lock);
	if (victim) {
		directory_take_out(out, victim);
		mark_unlinked(victim);
	}
	directory_take_out(in, d);
	old_name = d->name == d->inline_name ? NULL : d->name;
	d->name = longer ? longer : d->inline_name;
	memcpy((char *)d->name, name->s, name->len);
	((char *)d->name)[name->len] = '\0';
	d->len = name->len;
	d->hash = name->hash;
	old_parent = d->parent;
	d->parent = dentry_get(to);
	directory_insert(out, d);
	spin_unlock(&tree_lock);
	spin_unlock_two(&in->lock, &out->lock);

	directory_resize(in);
	kfree((void *)old_name);
	dentry_put(old_parent);
	dentry_put(victim);
	return 0;
}

static void swap_names(struct dentry *a, struct dentry *b)
{
	const char *of_a = a->name == a->inline_name ? NULL : a->name;
	const char *of_b = b->name == b->inline_name ? NULL : b->name;
	char text[NAME_INLINE];
	u32 len = a->len, hash = a->hash;

	memcpy(text, a->inline_name, NAME_INLINE);
	memcpy(a->inline_name, b->inline_name, NAME_INLINE);
	memcpy(b->inline_name, text, NAME_INLINE);
	a->name = of_b ? of_b : a->inline_name;
	b->name = of_a ? of_a : b->inline_name;
	a->len = b->len;
	a->hash = b->hash;
	b->len = len;
	b->hash = hash;
}

/* RENAME_EXCHANGE. The references to the parents are swapped too. */
void directory_exchange(struct dentry *from, struct dentry *a, struct dentry *to, struct dentry *b)
{
	struct directory *in = from->inode->dir, *out = to->inode->dir;

	spin_lock_two(&in->lock, &out->lock);
	spin_lock_nested(&tree_lock);
	directory_take_out(in, a);
	directory_take_out(out, b);
	swap_names(a, b);
	a->parent = to;
	b->parent = from;
	directory_insert(out, a);
	directory_insert(in, b);
	spin_unlock(&tree_lock);
	spin_unlock_two(&in->lock, &out->lock);
}

struct dentry *directory_next(struct dentry *dir, u64 cookie, struct dentry *hint)
{
	struct directory *in = dir->inode->dir;
	struct list_head *at = &in->entries;

	/* A valid hint spares the search from the front, so reading a directory is linear. */
	if (hint && !hint->unlinked && hint->parent == dir && hint->cookie < cookie)
		at = &hint->sibling;
	for (at = at->next; at != &in->entries; at = at->next) {
		struct dentry *d = list_entry(at, struct dentry, sibling);

		if (d->cookie >= cookie)
			return d;
	}
	return NULL;
}
