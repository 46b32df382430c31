/*
 * Character devices, found by number: /dev/null, zero, full, random, and the terminal.
 *
 * An inode with a device number knows only chrdev_ops, whose open() looks the number up and gives
 * the opening the operations of the driver. A number nobody answers to is -ENXIO.
 */
#include "kernel/fs/vfs.h"
#include "kernel/lib/random.h"
#include "kernel/task.h"

#include <linux/major.h>

/* ---- memory devices: null(4), full(4) ---- */

static ssize_t null_read(struct file *f __maybe_unused, struct uio *io __maybe_unused,
			 u64 *pos __maybe_unused)
{
	return 0;
}

static ssize_t null_write(struct file *f __maybe_unused, struct uio *io, u64 *pos __maybe_unused)
{
	return (ssize_t)uio_skip(io, io->left);
}

static ssize_t zero_read(struct file *f __maybe_unused, struct uio *io, u64 *pos __maybe_unused)
{
	size_t want = io->left, done = 0, n, got;

	do { /* gigabytes may be asked for in one call */
		n = MIN(want - done, PAGE_SIZE);
		got = uio_zero(io, n);
		done += got;
	} while (got == n && done < want && !signal_pending(current));
	return done || !want ? (ssize_t)done : -EFAULT;
}

static ssize_t full_write(struct file *f __maybe_unused, struct uio *io, u64 *pos __maybe_unused)
{
	return io->left ? -ENOSPC : 0;
}

s64 no_lseek(struct file *f __maybe_unused, s64 offset __maybe_unused, int whence __maybe_unused)
{
	return 0;
}

/* random(4): both devices are the same, and never wait. */
static ssize_t random_read(struct file *f __maybe_unused, struct uio *io, u64 *pos __maybe_unused)
{
	char chunk[RANDOM_CHUNK];
	size_t want = io->left, done = 0, n, got;

	do {
		n = MIN(want - done, sizeof(chunk));
		random_bytes(chunk, n);
		got = uio_store(io, chunk, n);
		done += got;
	} while (got == n && done < want && !(done % PAGE_SIZE == 0 && signal_pending(current)));
	return done || !want ? (ssize_t)done : -EFAULT;
}

static ssize_t random_write(struct file *f __maybe_unused, struct uio *io, u64 *pos __maybe_unused)
{
	char chunk[RANDOM_CHUNK];
	size_t want = io->left, done = 0, n, got;

	do {
		n = MIN(want - done, sizeof(chunk));
		got = uio_fetch(io, chunk, n);
		random_stir(chunk, got);
		done += got;
	} while (got == n && done < want && !signal_pending(current));
	return done || !want ? (ssize_t)done : -EFAULT;
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

/* ---- by number ---- */

static const struct device {
	const char *name;
	u32 major, minor;
	mode_t mode;
	const struct file_ops *ops;
} devices[] = {
	{"null", 1, 3, 0666, &null_ops},        {"zero", 1, 5, 0666, &zero_ops},
	{"full", 1, 7, 0666, &full_ops},        {"random", 1, 8, 0666, &random_ops},
	{"urandom", 1, 9, 0666, &random_ops},   {"tty", 5, 0, 0666, &ctty_file_ops},
	{"console", 5, 1, 0600, &tty_file_ops}, {"ptmx", 5, 2, 0666, &ptmx_file_ops},
};

static const struct file_ops *chrdev_find(dev_t dev)
{
	u32 major = dev >> 8 & 0xfff;

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

/* Block devices and sockets: names for what does not exist here. */
static int no_device_open(struct inode *inode __maybe_unused, struct file *f __maybe_unused)
{
	return -ENXIO;
}

const struct file_ops no_device_ops = {.open = no_device_open};

/* ---- /dev ---- */

static const char *const links[][2] = {
	{"fd", "/proc/self/fd"},
	{"stdin", "/proc/self/fd/0"},
	{"stdout", "/proc/self/fd/1"},
	{"stderr", "/proc/self/fd/2"},
};

static int make_in(struct dentry *dev, const char *text, const struct node_spec *spec)
{
	struct qname name = qname_of(text, (u32)strlen(text));
	struct dentry *node = tmpfs_make(dev, &name, spec);

	if (IS_ERR(node))
		return (int)PTR_ERR(node);
	dentry_put(node);
	return 0;
}

int devices_make_nodes(struct dentry *dev)
{
	int err = 0;

	for (size_t i = 0; i < ARRAY_SIZE(devices) && !err; i++) {
		const struct device *d = &devices[i];
		struct node_spec spec = {.mode = S_IFCHR | d->mode,
					 .rdev = make_dev(d->major, d->minor)};

		err = make_in(dev, d->name, &spec);
	}
	for (size_t i = 0; i < ARRAY_SIZE(links) && !err; i++) {
		struct node_spec spec = {.mode = S_IFLNK | S_IRWXUGO, .target = links[i][1]};

		err = make_in(dev, links[i][0], &spec);
	}
	return err;
}
