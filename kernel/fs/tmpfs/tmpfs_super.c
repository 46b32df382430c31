/* tmpfs as a file system: mount options, limits, statfs. tmpfs(5) */
#include "kernel/fs/vfs.h"

#include <linux/magic.h>

bool super_charge_inode(struct super *s)
{
	if (!s->max_inodes || atomic_add_return(&s->nr_inodes, 1) <= READ_ONCE(s->max_inodes))
		return true;
	atomic_dec(&s->nr_inodes);
	return false;
}

void super_uncharge_inode(struct super *s)
{
	if (s->max_inodes)
		atomic_dec(&s->nr_inodes);
}

/* Parse "10m" or "4096". False: no number, or too large for any machine. */
static bool parse_amount(const char *text, u64 *out)
{
	const char *digits = text;
	u32 shift = 0;
	u64 n = 0;

	while (*text >= '0' && *text <= '9' && n < 1UL << 48)
		n = n * 10 + (u64)(*text++ - '0');
	if (text == digits)
		return false;
	switch (*text | 0x20) {
	case 'g':
		shift += 10;
		/* fall through */
	case 'm':
		shift += 10;
		/* fall through */
	case 'k':
		shift += 10;
		text++;
	}
	*out = n << shift;
	return !*text && n <= 1UL << (60 - shift);
}

/* Parse the same in pages, or "50%" of memory. */
static bool parse_size(char *text, u64 *pages)
{
	size_t n = strlen(text);
	bool percent = n && text[n - 1] == '%';
	u64 value;

	if (percent)
		text[n - 1] = '\0';
	if (!parse_amount(text, &value))
		return false;
	*pages = percent ? MIN(value, 100UL) * nr_total_pages() / 100
			 : DIV_ROUND_UP(value, PAGE_SIZE);
	return true;
}

bool parse_number(const char *text, u32 base, u32 *out)
{
	u64 n = 0;

	if (!*text)
		return false;
	for (; *text; text++) {
		if (*text < '0' || (u32)(*text - '0') >= base || n > UINT32_MAX)
			return false;
		n = n * base + (u32)(*text - '0');
	}
	*out = (u32)n;
	return n <= UINT32_MAX;
}

struct tmpfs_options {
	u64 pages, inodes;
	bool has_pages, has_inodes; /* given; 0 means no limit */
	struct node_spec root;
};

/* Parse size, mode, uid, gid: tmpfs(5). Cuts `text` up. */
static int parse_options(char *text, struct tmpfs_options *o)
{
	char *name, *value;

	while (next_option(&text, &name, &value)) {
		bool ok = false;
		u32 n;

		if (!value)
			return -EINVAL;
		if (!strcmp(name, "size"))
			ok = o->has_pages = parse_size(value, &o->pages);
		else if (!strcmp(name, "nr_blocks"))
			ok = o->has_pages = parse_amount(value, &o->pages);
		else if (!strcmp(name, "nr_inodes"))
			ok = o->has_inodes = parse_amount(value, &o->inodes);
		else if (!strcmp(name, "mode") && (ok = parse_number(value, 8, &n)))
			o->root.mode = S_IFDIR | (n & S_IALLUGO);
		else if (!strcmp(name, "uid"))
			ok = parse_number(value, 10, &o->root.uid);
		else if (!strcmp(name, "gid"))
			ok = parse_number(value, 10, &o->root.gid);
		if (!ok)
			return -EINVAL;
	}
	return 0;
}

/* Set the limits, and s->options for /proc/mounts. */
static void set_limits(struct super *s, const struct tmpfs_options *o)
{
	size_t n = 0;

	if (o->has_pages)
		s->quota->limit = o->pages ? (int)MIN(o->pages, (u64)INT32_MAX) : INT32_MAX;
	if (o->has_inodes)
		s->max_inodes = (int)MIN(o->inodes, (u64)INT32_MAX);
	if (s->quota->limit != (int)(nr_total_pages() / 2))
		n = (size_t)scnprintf(s->options, sizeof(s->options), ",size=%luk",
				      (u64)s->quota->limit * (PAGE_SIZE / 1024));
	if (s->max_inodes != (int)(nr_total_pages() / 2))
		scnprintf(s->options + n, sizeof(s->options) - n, ",nr_inodes=%d", s->max_inodes);
}

/* By default half of the memory, and an inode for each page: as on Linux. */
static int tmpfs_fill(struct super *s, char *options)
{
	struct tmpfs_options o = {.root.mode = S_IFDIR | 01777};
	int err = parse_options(options, &o);
	struct inode *i;

	if (err)
		return err;
	s->quota = page_quota_create((int)(nr_total_pages() / 2));
	if (!s->quota)
		return -ENOMEM;
	s->max_inodes = s->quota->limit;
	set_limits(s, &o);
	i = tmpfs_new_inode(s, &o.root);
	if (IS_ERR(i))
		return (int)PTR_ERR(i);
	s->root = dentry_make_root(i);
	return s->root ? 0 : -ENOMEM;
}

static int tmpfs_remount(struct super *s, char *options)
{
	struct tmpfs_options o = {};
	int err = parse_options(options, &o);

	if (err)
		return err;
	if (o.has_pages && o.pages && o.pages < (u64)atomic_read(&s->quota->used))
		return -EINVAL;
	/* Without a count there can be no limit. */
	if (o.has_inodes && o.inodes &&
	    (!s->max_inodes || o.inodes < (u64)atomic_read(&s->nr_inodes)))
		return -EINVAL;
	set_limits(s, &o);
	return 0;
}

static void tmpfs_statfs(struct super *s, struct statfs *st)
{
	s64 limit = s->quota->limit, left = limit - atomic_read(&s->quota->used);

	st->f_blocks = limit;
	st->f_bfree = st->f_bavail = MAX(left, 0L);
	st->f_files = s->max_inodes;
	st->f_ffree = s->max_inodes ? s->max_inodes - atomic_read(&s->nr_inodes) : 0;
}

const struct fs_type tmpfs_type = {.name = "tmpfs",
				   .magic = TMPFS_MAGIC,
				   .fill = tmpfs_fill,
				   .remount = tmpfs_remount,
				   .statfs = tmpfs_statfs};
LINKER_SET_ADD(fs_types, tmpfs_type);

static int devtmpfs_fill(struct super *s, char *options)
{
	int err = tmpfs_fill(s, options);

	if (err)
		return err;
	s->root->inode->mode = S_IFDIR | 0755;
	return devices_make_nodes(s->root);
}

/* A tmpfs that starts with the nodes of all devices. */
static const struct fs_type devtmpfs_type = {.name = "devtmpfs",
					     .magic = TMPFS_MAGIC,
					     .fill = devtmpfs_fill,
					     .remount = tmpfs_remount,
					     .statfs = tmpfs_statfs};
LINKER_SET_ADD(fs_types, devtmpfs_type);
