/* Character devices: /dev/null, zero, full, random, and terminals. The open() of chrdev_ops looks
 * the inode's device number up and installs the driver's operations; -ENXIO: no driver. */
#include "kernel/fs/seq.h"
#include "kernel/fs/vfs.h"
#include "kernel/lib/random.h"

#include <linux/major.h>

static ssize_t null_read(struct file *f __maybe_unused, struct uio *io __maybe_unused,
			 u64 *pos __maybe_unused)
{
	return 0;
}

static ssize_t null_write(struct file *f __maybe_unused, struct uio *io, u64 *pos __maybe_unused)
{
	return (ssize_t)io->left;
}

/* Move all of `io` in pieces: a call may ask for gigabytes, so signals are checked at each page. */
static ssize_t in_pieces(struct uio *io, size_t piece, size_t (*move)(struct uio *io, size_t n))
{
	size_t want = io->left, done = 0, n, got;

	do {
		n = MIN(want - done, piece);
		got = move(io, n);
		done += got;
	} while (got == n && done < want && !(done % PAGE_SIZE == 0 && signal_pending(current)));
	return done || !want ? (ssize_t)done : -EFAULT;
}

static ssize_t zero_read(struct file *f __maybe_unused, struct uio *io, u64 *pos __maybe_unused)
{
	return in_pieces(io, PAGE_SIZE, uio_zero);
}

static ssize_t full_write(struct file *f __maybe_unused, struct uio *io, u64 *pos __maybe_unused)
{
	return io->left ? -ENOSPC : 0;
}

s64 no_lseek(struct file *f __maybe_unused, s64 offset __maybe_unused, int whence __maybe_unused)
{
	return 0;
}

static size_t give_random(struct uio *io, size_t n)
{
	char chunk[RANDOM_CHUNK];

	random_bytes(chunk, n);
	return uio_store(io, chunk, n);
}

static size_t stir_random(struct uio *io, size_t n)
{
	char chunk[RANDOM_CHUNK];
	size_t got = uio_fetch(io, chunk, n);

	random_stir(chunk, got);
	return got;
}

/* random(4): both devices are the same, and never wait. */
static ssize_t random_read(struct file *f __maybe_unused, struct uio *io, u64 *pos __maybe_unused)
{
	return in_pieces(io, RANDOM_CHUNK, give_random);
}

static ssize_t random_write(struct file *f __maybe_unused, struct uio *io, u64 *pos __maybe_unused)
{
	return in_pieces(io, RANDOM_CHUNK, stir_random);
}

static const struct file_ops null_ops = {
	.read = null_read, .write = null_write, .lseek = no_lseek, .positioned = true};
static const struct file_ops zero_ops = {
	.read = zero_read, .write = null_write, .lseek = no_lseek, .positioned = true};
static const struct file_ops full_ops = {
	.read = zero_read, .write = full_write, .lseek = no_lseek, .positioned = true};
static const struct file_ops random_ops = {
	.read = random_read, .write = random_write, .lseek = no_lseek, .positioned = true};

bool file_is_zero(const struct file *f)
{
	return f->ops == &zero_ops;
}

static const struct device {
	const char *name;
	u32 major, minor;
	mode_t mode;
	const struct file_ops *ops;
} devices[] = {
	{"null", 1, 3, 0666, &null_ops},      {"zero", 1, 5, 0666, &zero_ops},
	{"full", 1, 7, 0666, &full_ops},      {"random", 1, 8, 0666, &random_ops},
	{"urandom", 1, 9, 0666, &random_ops}, {"kmsg", 1, 11, 0644, &kmsg_ops},
	{"tty", 5, 0, 0666, &ctty_file_ops},  {"console", 5, 1, 0600, &tty_file_ops},
	{"ptmx", 5, 2, 0666, &ptmx_file_ops},
};

static const struct file_ops *chrdev_find(dev_t dev)
{
	u32 major = major_of(dev);

	if (major >= UNIX98_PTY_SLAVE_MAJOR &&
	    major < UNIX98_PTY_SLAVE_MAJOR + UNIX98_PTY_MAJOR_COUNT)
		return &pts_file_ops;
	for (size_t i = 0; i < ARRAY_SIZE(devices); i++)
		if (make_dev(devices[i].major, devices[i].minor) == dev)
			return devices[i].ops;
	return NULL;
}

static int chrdev_open(struct inode *inode, struct file *f)
{
	const struct file_ops *ops = chrdev_find(inode->rdev);

	if (inode->sb->flags & MS_NODEV)
		return -EACCES;
	if (!ops)
		return -ENXIO;
	f->ops = ops;
	return ops->open ? ops->open(inode, f) : 0;
}

const struct file_ops chrdev_ops = {.open = chrdev_open};

/* Block devices and sockets: names only, which cannot be opened. */
static int no_device_open(struct inode *inode __maybe_unused, struct file *f __maybe_unused)
{
	return -ENXIO;
}

const struct file_ops no_device_ops = {.open = no_device_open};

/* The drivers of major 1 go by one name. */
void devices_show(struct seq *s)
{
	seq_puts(s, "Character devices:\n  1 mem\n");
	for (size_t i = 0; i < ARRAY_SIZE(devices); i++)
		if (devices[i].major != MEM_MAJOR)
			seq_printf(s, "%3u /dev/%s\n", devices[i].major, devices[i].name);
	seq_printf(s, "%3d pts\n\nBlock devices:\n", UNIX98_PTY_SLAVE_MAJOR);
}

static const char *const links[][2] = {
	{"fd", "/proc/self/fd"},
	{"stdin", "/proc/self/fd/0"},
	{"stdout", "/proc/self/fd/1"},
	{"stderr", "/proc/self/fd/2"},
};

int devices_make_nodes(struct dentry *dev)
{
	int err = 0;

	for (size_t i = 0; i < ARRAY_SIZE(devices) && !err; i++) {
		const struct device *d = &devices[i];
		struct node_spec spec = {.mode = S_IFCHR | d->mode,
					 .rdev = make_dev(d->major, d->minor)};

		err = tmpfs_make_in(dev, d->name, &spec);
	}
	for (size_t i = 0; i < ARRAY_SIZE(links) && !err; i++) {
		struct node_spec spec = {.mode = S_IFLNK | S_IRWXUGO, .target = links[i][1]};

		err = tmpfs_make_in(dev, links[i][0], &spec);
	}
	return err;
}
