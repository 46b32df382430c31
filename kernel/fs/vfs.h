/*
 * The virtual file system: what is private to kernel/fs/.
 *
 * An inode is a file, a dentry is a name for it, a struct file is one opening of it. The dentry
 * tree *is* the file system: every name that exists is in memory, so a look-up never waits.
 *
 * Locks, outermost first:
 *   rename_lock     the shape of the tree: which directory is below which
 *   inode->lock     of all but directories (LOCK_INODE): size and contents
 *   mount_lock      what is mounted where
 *   inode->lock     of a directory (LOCK_DIR): its entries; parent before child
 *   directory.lock  (spin) the hash table of a directory, so that a look-up needs no mutex
 *   tree_lock       (spin) the parent and name of each dentry, and what covers it
 */
#pragma once

#include "kernel/fs/fs.h"
#include "kernel/fs/uio.h"
#include "kernel/lib/string.h"
#include "kernel/lib/syscall.h"
#include "kernel/sched/wait_queue.h"
#include "kernel/task.h"
#include "mm/object.h"

#include <asm/termios.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/limits.h>
#include <linux/stat.h>

/* POSIX names that the UAPI headers leave to the C library. */
#define S_DT(mode)    (((mode)&S_IFMT) >> 12) /* the DT_* value of a mode, as getdents64 gives it */
#define S_IALLUGO     07777
#define S_IRWXUGO     0777
#define MAX_FILE_SIZE 0x7fffffffffffffffL
#define MAX_RW_COUNT  (0x7fffffffUL & PAGE_MASK) /* the most that one read or write moves */
/* utimensat(2) */
#define UTIME_NOW            0x3fffffffL
#define UTIME_OMIT           0x3ffffffeL
#define MAX_SYMLINKS         40
#define BLOCK_SECTORS        (PAGE_SIZE / 512)
#define DIRENT_SIZE          20 /* of one entry in a directory's st_size: as on Linux */
#define MAX_DESCRIPTORS_EVER (1U << 20)

/* Device numbers as user space sees them: 12 bits of major, 20 of minor. */
static inline dev_t make_dev(u32 major, u32 minor)
{
	return (minor & 0xff) | (dev_t)(major & 0xfff) << 8 | (dev_t)(minor & 0xfff00) << 12;
}

static inline u32 major_of(dev_t dev)
{
	return (u32)(dev >> 8 & 0xfff);
}

static inline u32 minor_of(dev_t dev)
{
	return (u32)((dev & 0xff) | (dev >> 12 & 0xfff00));
}

struct poll_table;
struct seq;
struct super;

/* A name to look up; not NUL-terminated. */
struct qname {
	const char *s;
	u32 len, hash;
};

/* What to make a new inode of. */
struct node_spec {
	mode_t mode;  /* type and permissions */
	mode_t umask; /* bits that node_set_owner() takes from `mode` */
	uid_t uid;
	gid_t gid;
	dev_t rdev;         /* S_IFCHR, S_IFBLK */
	const char *target; /* S_IFLNK */
};

/* Operations of a file system. For directories, the caller holds dir->inode->lock (for rename and
 * exchange: both) and has checked permissions, types and emptiness. A NULL operation: -EPERM. */
struct inode_ops {
	/* The entry, with a reference, or NULL. Takes no mutex. */
	struct dentry *(*lookup)(struct dentry *dir, const struct qname *name);
	/* Make a new inode under that name. Returns the dentry with a reference, or ERR_PTR. */
	struct dentry *(*make)(struct dentry *dir, const struct qname *name,
			       const struct node_spec *spec);
	int (*link)(struct dentry *dir, const struct qname *name, struct inode *inode);
	int (*remove)(struct dentry *dir, struct dentry *d); /* unlink or rmdir */
	/* Move `d` to `to`/`name`, over `victim` when that is not NULL. */
	int (*rename)(struct dentry *from, struct dentry *d, struct dentry *to,
		      const struct qname *name, struct dentry *victim);
	/* Swap two names: `a` of `from` and `b` of `to`. */
	void (*exchange)(struct dentry *from, struct dentry *a, struct dentry *to,
			 struct dentry *b);
	/* Make a regular file without a name: O_TMPFILE. ERR_PTR. NULL: -EOPNOTSUPP. */
	struct inode *(*nameless)(struct super *sb, const struct node_spec *spec);
	int (*truncate)(struct inode *inode, u64 size); /* regular files; inode->lock held */
	/* Write the text of a link without `target` into PATH_MAX bytes. Length, or -errno. */
	ssize_t (*readlink)(struct dentry *link, char *buf);
	/* Where such a link leads, whatever its text. With a reference; ERR_PTR. */
	struct dentry *(*jump)(struct dentry *link);
	/* The file system of this root was unmounted: drop the dentries that it keeps, or NULL. */
	void (*unmounted)(struct inode *root);
	/* True: the caller may do what the mode forbids. NULL: never. */
	bool (*permits)(const struct inode *inode);
	void (*free)(struct inode *inode); /* drop `private`, with the inode's last reference */
};

struct inode {
	refcount_t count;
	struct super *sb;        /* the file system it belongs to: constant, a reference */
	mode_t mode;             /* type: constant. permissions: lock */
	uid_t uid;               /* lock */
	gid_t gid;               /* lock */
	u32 nlink;               /* lock of the directory that changes it; atomic */
	ino_t ino;               /* constant */
	dev_t rdev;              /* constant */
	atomic_t writers;        /* regular files: > 0: openings for writing; < 0: executions */
	bool charged;            /* constant: counted in sb->nr_inodes */
	bool linkable;           /* no name yet, but it may get one: O_TMPFILE */
	bool kept;               /* a computed name, but each look-up finds the same dentry */
	s64 atime, mtime, ctime; /* ns since the epoch; lock to write */
	struct mutex lock;       /* LOCK_DIR or LOCK_INODE */
	struct watch *watches;   /* through which programs hear of changes: notify/ */
	const struct inode_ops *ops;
	const struct file_ops *fops;
	struct vm_object *object; /* S_IFREG: the contents; NULL: computed */
	void *private;            /* the file system's own */
	struct lock_list *locks;  /* file_locks.c: set once; NULL: never had any */
	union {
		struct directory *dir; /* S_IFDIR; NULL: the names are computed */
		char *target;          /* S_IFLNK: constant; NULL: by ops->readlink */
		struct pipe *pipe;     /* S_IFIFO: lock; NULL before the first opening */
	};
};

#define NAME_INLINE 32

struct dentry {
	refcount_t count;          /* the tree's, its children's, open files' */
	bool unlinked;             /* tree_lock: the name is gone */
	struct inode *inode;       /* constant; a reference */
	struct dentry *parent;     /* tree_lock; a reference. A root is its own parent */
	struct dentry *covered_by; /* tree_lock: the root mounted here; a reference */
	struct dentry *covers;     /* tree_lock; of a mounted root: its place; a reference */
	const char *name;          /* tree_lock and the directory's lock */
	u32 len, hash;             /* of the name, same locks */
	struct dentry *hash_next;  /* directory.lock */
	struct list_head sibling;  /* the directory's inode->lock */
	u64 cookie;                /* same: position for getdents64 */
	char inline_name[NAME_INLINE];
};

typedef bool (*dir_emit_fn)(void *arg, const char *name, u32 len, u64 cookie, ino_t ino, u32 type);

/* A NULL read or write is -EINVAL, ioctl -ENOTTY, poll always ready, lseek -ESPIPE. */
struct file_ops {
	int (*open)(struct inode *inode, struct file *f);
	void (*release)(struct file *f);
	/* `pos` NULL: use and move the file's own position. Devices and pipes ignore it. */
	ssize_t (*read)(struct file *f, struct uio *io, u64 *pos);
	ssize_t (*write)(struct file *f, struct uio *io, u64 *pos);
	s64 (*lseek)(struct file *f, s64 offset, int whence);
	u32 (*poll)(struct file *f, struct poll_table *pt); /* may wait for a mutex only */
	long (*ioctl)(struct file *f, unsigned int cmd, unsigned long arg);
	/* More lines of /proc/PID/fdinfo/N. NULL: none. */
	void (*show_fdinfo)(struct file *f, struct seq *s);
	/* Emit entries from f->pos on until emit() returns false. */
	int (*iterate)(struct file *f, dir_emit_fn emit, void *arg);
	bool positioned; /* pread, pwrite and lseek make sense */
};

enum file_mode {
	FMODE_READ = 1 << 0,
	FMODE_WRITE = 1 << 1,
	FMODE_WRITER = 1 << 3, /* counted in inode->writers: no execution */
	FMODE_DENIES = 1 << 4, /* counted there as -1: no opening for writing */
	FMODE_PATH = 1 << 2,   /* O_PATH: neither read nor written */
};

/* An open file description, which duplicated descriptors share. */
struct file {
	refcount_t count;
	u32 mode;                   /* enum file_mode; constant */
	u32 flags;                  /* O_APPEND, O_NONBLOCK…: a plain word; F_SETFL writes it */
	const struct file_ops *ops; /* constant after open */
	struct inode *inode;        /* a reference */
	struct dentry *dentry;      /* a reference; NULL for pipes */
	u64 pos;                    /* inode->lock */
	void *private;           /* the driver's; directories: the dentry read last (inode->lock) */
	struct watched *watched; /* epoll.c: set once; NULL: never in a set */
};

/* ---- called by fs_init() ---- */
void inode_init(void), dentry_init(void), namei_init(void), file_init(void), files_init(void);
void fs_context_init(void), mount_init(void), pipe_init(void), epoll_init(void), locks_init(void);
void inotify_init(void);
void socket_init(void), memfd_init(void), anon_file_init(void), kmsg_init(void);

/* ---- dentry.c: names, directories ---- */
extern struct dentry *fs_root;
extern struct mutex rename_lock;
/* These two take the inode reference, also on failure. NULL: no memory, or no inode. */
struct dentry *dentry_alloc(const struct qname *name, struct inode *inode);
struct dentry *dentry_make_root(struct inode *inode);
static inline struct dentry *dentry_get(struct dentry *d)
{
	refcount_inc(&d->count);
	return d;
}
void dentry_put(struct dentry *d); /* NULL is allowed */
SCOPED(dentry_put, struct dentry *)
struct dentry *dentry_parent(struct dentry *d); /* with a reference */
/* Copy the name, of NAME_MAX bytes at most, without NUL. *unlinked: it leads there no more. Its
 * length. */
u32 dentry_name(const struct dentry *d, char *name, bool *unlinked);
struct directory *directory_create(void);
void directory_free(struct directory *dir);
u32 directory_size(const struct directory *dir);
bool directory_dead(const struct directory *dir);
void directory_kill(struct directory *dir); /* forbid new entries; under its inode->lock */
struct dentry *directory_lookup(struct dentry *dir, const struct qname *name);
/* The next four: the caller holds the inode->lock of every directory involved. */
void directory_add(struct dentry *dir, struct dentry *d);    /* the tree takes a reference */
void directory_remove(struct dentry *dir, struct dentry *d); /* and drops it */
void directory_exchange(struct dentry *from, struct dentry *a, struct dentry *to, struct dentry *b);
int directory_move(struct dentry *from, struct dentry *d, struct dentry *to,
		   const struct qname *name, struct dentry *victim);
/* The first entry from `cookie` on, no reference. `hint`: an entry before it, or NULL. */
struct dentry *directory_next(struct dentry *dir, u64 cookie, struct dentry *hint);
u32 name_hash(const char *s, u32 len);
static inline struct qname qname_of(const char *s, u32 len)
{
	return (struct qname){.s = s, .len = len, .hash = name_hash(s, len)};
}
bool dentry_is_below(struct dentry *d, struct dentry *top); /* d == top counts; rename_lock held */
/* The uppermost root mounted on `d`, or `d` itself. Takes the reference. */
struct dentry *dentry_cross(struct dentry *d);
/* The parent, across mounts, but not above `root`. With a reference. */
struct dentry *dentry_up(struct dentry *d, struct dentry *root);
/* Mount `top` on `d`, or unmount it. The caller holds mount_lock and d->inode->lock. */
int dentry_cover(struct dentry *d, struct dentry *top); /* -ENOENT: removed; -EBUSY: covered */
void dentry_uncover(struct dentry *top);
static inline bool dentry_is_covered(const struct dentry *d)
{
	return READ_ONCE(d->covered_by) != NULL;
}
/* The root of a file system: its name can be neither removed nor changed. */
static inline bool dentry_is_root(const struct dentry *d)
{
	return READ_ONCE(d->parent) == d;
}
/* Write "/a/b" from `root` to buf. ERR_PTR(-ENAMETOOLONG). *gone: unlinked, or outside of root. */
char *dentry_path(struct dentry *d, struct dentry *root, char *buf, size_t n, bool *gone);
/* The same from current's root, with " (deleted)" behind it if gone. Length, or -ENAMETOOLONG. */
ssize_t dentry_describe(struct dentry *d, char *buf, size_t n);

/* ---- mount.c: file systems and where they are mounted ---- */
struct fs_type {
	const char *name;
	/* Make s->root, by the options of mount(2). On failure the caller drops what was made. */
	int (*fill)(struct super *s, char *options);
	/* Change the options of a mounted one: MS_REMOUNT. NULL: none. */
	int (*remount)(struct super *s, char *options);
	long magic;                                         /* for statfs(2) */
	void (*statfs)(struct super *s, struct statfs *st); /* sizes; NULL: none */
};

/* One file system, mounted at one place at most. It lives as long as its inodes. */
struct super {
	refcount_t count; /* its inodes, and its mount */
	/* What keeps it mounted: open files, working directories, file systems mounted in it; and
	 * the mount itself. At 0 its names are dropped. */
	atomic_t active;
	const struct fs_type *type;
	dev_t dev;           /* st_dev of its files */
	unsigned long flags; /* MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC: mount_lock to write */
	struct dentry *root; /* a reference until `active` is 0 */
	struct page_quota *quota; /* tmpfs: a reference */
	atomic_t nr_inodes;       /* tmpfs: inodes, and further names of files */
	int max_inodes;           /* tmpfs: mount_lock to write; 0: any number */
	struct list_head node;    /* mount_lock: in the list of what is mounted */
	char source[32];          /* the first column of /proc/mounts */
	char options[64];         /* of the type, after "rw" there: ",size=…" */
};
/* A file system that is never mounted: pipes. At boot. */
struct super *super_internal(const struct fs_type *type);
void super_put(struct super *s);
/* Its number in mountinfo and fdinfo: a file system is mounted once. */
static inline u32 super_number(const struct super *s)
{
	return minor_of(s->dev);
}
/* tmpfs: count one inode (false: too many), or uncount it. */
bool super_charge_inode(struct super *s);
void super_uncharge_inode(struct super *s);
/* A name in no directory, for what /proc/self/fd leads to. Takes the reference; ERR_PTR. */
struct dentry *dentry_anonymous(struct inode *inode);
static inline bool dentry_is_anonymous(const struct dentry *d)
{
	return dentry_is_root(d) && d->inode->sb->root != d;
}
/* Take a reference that keeps the file system mounted. */
static inline struct dentry *dentry_pin(struct dentry *d)
{
	atomic_inc(&d->inode->sb->active);
	return dentry_get(d);
}
void super_unmounted(struct super *s);
/* Drop one of the things that keep it mounted. */
static inline void super_release(struct super *s)
{
	if (atomic_add_return(&s->active, -1) <= 0)
		super_unmounted(s);
}
static inline void dentry_unpin(struct dentry *d)
{
	super_release(d->inode->sb);
	dentry_put(d);
}
/* At boot: mount a file system of this type on a directory, which is made if missing. The first one
 * becomes the root. Its root directory gets this mode. */
void kernel_mount(const char *type, const char *path, mode_t mode);
extern u64 mount_max; /* fs.mount-max */
/* Grows with each mount, unmount and remount; poll waits in the queue. */
extern u64 mount_changes;
extern struct wait_queue mount_wait;
/* Call fn for each mount, oldest first; `path` is its place as seen from current's root. */
void mounts_foreach(void (*fn)(const struct super *s, const char *path, void *arg), void *arg);
/* File systems register with LINKER_SET_ADD(fs_types, NAME_type). */
LINKER_SET_DECLARE(fs_types, const struct fs_type);
extern const struct fs_type tmpfs_type, devpts_type;

/* ---- inode.c, owner.c: life and attributes ---- */
/* Set all but ops, fops and contents. NULL without memory. */
struct inode *inode_alloc(struct super *sb, const struct node_spec *spec);
static inline struct inode *inode_get(struct inode *i)
{
	refcount_inc(&i->count);
	return i;
}
void inode_put(struct inode *i); /* NULL is allowed */
SCOPED(inode_put, struct inode *)
#define MAY_EXEC  1
#define MAY_WRITE 2
#define MAY_READ  4
int inode_permission(const struct inode *i, int mask); /* by the fsuid: 0 or -EACCES */
bool inode_owner_or_root(const struct inode *i);
bool in_group(gid_t gid);
/* A caller's inode in no directory, which cannot be opened again. NULL without memory. */
struct inode *inode_of_caller(struct super *sb, mode_t mode);
/* Set owner, group and mode of what the caller makes in `dir`, which is locked, or NULL. */
void node_set_owner(struct node_spec *spec, const struct inode *dir);
/* The caller writes the contents: drop the set-ID bits. i->lock is held. */
void inode_strip_set_ids(struct inode *i);
int inode_may_change(const struct inode *i); /* -EROFS when its file system is read-only */
/* Count a writer or an execution, which exclude each other. 0 or -ETXTBSY. */
int inode_count_writer(struct inode *i);
int inode_deny_writers(struct inode *i);
void inode_changed(struct inode *i);  /* ctime = now */
void inode_modified(struct inode *i); /* mtime = ctime = now */
void inode_accessed(struct inode *i); /* atime = now, if the mount options say so */
int inode_chmod(struct inode *i, mode_t mode);
int inode_chown(struct inode *i, uid_t uid, gid_t gid);
int inode_truncate(struct inode *i, s64 size); /* no permission is checked */
void inode_stat(struct inode *i, struct stat *st);
static inline bool inode_is(const struct inode *i, mode_t type)
{
	return (i->mode & S_IFMT) == type;
}

/* ---- namei.c: from path to dentry ---- */
char *getname(const char __user *path);       /* ERR_PTR; -ENOENT for an empty one */
char *getname_empty(const char __user *path); /* empty is allowed */
char *name_alloc(void);                       /* PATH_MAX bytes, or NULL */
void putname(char *name);
SCOPED(putname, char *)
enum walk_flags {
	WALK_FOLLOW = 1 << 0, /* a symbolic link at the end is followed */
	WALK_EMPTY = 1 << 1,  /* an empty path means dirfd itself (AT_EMPTY_PATH) */
};
/* The WALK_* flags for the AT_* flags of a system call. */
static inline u32 walk_flags(int at)
{
	return (at & AT_SYMLINK_NOFOLLOW ? 0 : WALK_FOLLOW) | (at & AT_EMPTY_PATH ? WALK_EMPTY : 0);
}
/* With a reference; ERR_PTR. */
struct dentry *path_lookup(int dirfd, const char *path, u32 flags);
struct dentry *user_path(int dirfd, const char __user *path, u32 flags);

enum last_type {
	LAST_NAME,
	LAST_DOT,
	LAST_DOTDOT,
	LAST_ROOT, /* no name is left: "/", or the end of a jump */
};
struct walk_frame {
	const char *rest;
	struct dentry *link;
};
/* A path walk, at its last component. */
struct walk {
	struct dentry *at;   /* the directory of the last component. A reference */
	struct dentry *root; /* a reference */
	struct qname last;   /* the last component, inside the path given or the text of `link` */
	enum last_type type;
	bool slash;                /* a slash follows: must be a directory */
	const char *rest;          /* not walked yet */
	struct dentry *link;       /* `rest` is its text; NULL: the path given. A reference */
	struct walk_frame *frames; /* links to return to; allocated with the first */
	u32 depth, links;
};
/* Begin a walk in a scoped(walk) variable, which also ends a failed one. */
int walk_start(struct walk *w, int dirfd, const char *path);
void scoped_walk(struct walk *w);
int walk_to_last(struct walk *w); /* sets w->at and w->last */
/* Go on with the link's text. Takes the reference. */
int walk_follow(struct walk *w, struct dentry *link);
struct dentry *walk_lookup_last(struct walk *w); /* with a reference; ERR_PTR(-ENOENT…) */
/* Check that `d` is a directory if a slash follows. Takes the reference; ERR_PTR. */
struct dentry *walk_check_slash(const struct walk *w, struct dentry *d);
int walk_parent(struct walk *w, int dirfd, const char *path); /* walk_start and walk_to_last */

/* ---- protected.c ---- */
extern u64 protected_symlinks, protected_hardlinks, protected_fifos, protected_regular;
/* May current follow a link in `dir`, link to `i`, open with O_CREAT what exists in `dir`? 0,
 * -EACCES or (linking) -EPERM. */
int fs_may_follow(const struct inode *dir, const struct inode *link);
int fs_may_link(const struct inode *i);
int fs_may_open_existing(const struct inode *dir, const struct inode *i);

/* ---- readdir.c ---- */
s64 directory_lseek(struct file *f, s64 offset, int whence);
ssize_t directory_read(struct file *f, struct uio *io, u64 *pos); /* -EISDIR */
bool directory_emit_dots(struct file *f, dir_emit_fn emit, void *arg);

/* ---- open.c ---- */
struct file *file_open(int dirfd, const char *path, int flags, mode_t mode); /* ERR_PTR */
/* Takes the reference to `d`. `created`: by the caller, so permissions are not checked. */
struct file *file_open_dentry(struct dentry *d, int flags, bool created);

/* ---- dirops.c: for the kernel itself; paths are kernel strings ---- */
int fs_make_node(int dirfd, const char *path, struct node_spec *spec, struct dentry **out);
/* Check that a name may be made in the directory, or this one removed. Its lock is held. */
int fs_may_make(struct dentry *dir);
int fs_may_remove(struct dentry *dir, struct dentry *victim);
int fs_link(struct inode *inode, int dirfd, const char *path);

/* ---- kernel_files.c ---- */
int kernel_write_all(struct file *f, const void *data, size_t n);

/* ---- open_file.c ---- */
/* Takes references of its own. NULL: file_alloc_error(). */
struct file *file_alloc(struct inode *inode, struct dentry *dentry, const struct file_ops *ops,
			u32 flags, u32 mode);
int file_alloc_error(void); /* -ENFILE (fs.file-max, which root may exceed) or -ENOMEM */
extern u64 file_max;        /* fs.file-max */
static inline void file_get(struct file *f)
{
	refcount_inc(&f->count);
}
void file_free(struct file *f); /* the last reference is gone */
/* As file_get_fd(), but NULL for O_PATH descriptors. */
struct file *file_get_io(int fd);
/* The file's name, or an anonymous one. With a reference; ERR_PTR. */
struct dentry *file_dentry(struct file *f);

static inline bool file_positioned(const struct file *f)
{
	return f->ops && f->ops->positioned;
}

/* ---- read_write.c ---- */
/* Where `whence` (SEEK_SET, _CUR, _END) counts from. False: another one. */
bool file_seek_base(const struct file *f, int whence, s64 *base);
ssize_t file_write(struct file *f, struct uio *io, u64 *pos);
#define FAST_IOV 8
/* Segments of a vectored call. */
struct segments {
	struct iovec few[FAST_IOV], *more;
};
/* Copy and check them. io->left becomes their sum. scoped(segments) frees them, also on failure. */
int import_iovec(const struct iovec __user *uiov, int n, struct segments *sg, struct uio *io);
void scoped_segments(struct segments *sg);

/* ---- fd_table.c: descriptors ---- */
int fd_alloc(u32 from); /* reserve the lowest free one; -EMFILE, -ENOMEM, -EINVAL */
void fd_install(int fd, struct file *f, bool cloexec); /* takes the reference */
void fd_cancel(int fd);                                /* undo fd_alloc() */
/* Install two files and write their descriptors to ufds first, so that a bad pointer leaves no
 * trace. On failure it drops the references. */
int fd_install_pair(struct file *f[2], int __user *ufds, bool cloexec);
int fd_open(struct file *f, u32 from, bool cloexec); /* fd_alloc() and fd_install(), or drop f */
u64 fd_limit(void);
int fd_close(u32 fd);
/* Close what `fd` is and make it `f`: dup2(2). Takes a reference of its own. */
int fd_replace(u32 fd, struct file *f, bool cloexec);
int fd_cloexec(u32 fd, int set);    /* FD_CLOEXEC; `set` < 0 only asks. The old value, or -EBADF */
int fd_next_open(u32 from, u32 to); /* the first open descriptor in [from, to], or -1 */

/* ---- fs_context.c ---- */
/* With references; either may be NULL. */
void fs_get_root_pwd(struct dentry **root, struct dentry **pwd);
mode_t fs_umask(void);

/* ---- epoll.c ---- */
/* Take a file that is released, and has been in an epoll set, out of all sets. */
void epoll_forget(struct file *f);

/* ---- file_locks.c ---- */
void locks_drop_all(struct inode *i, const void *owner);
/* Drop all locks of this owner on the file. */
static inline void locks_drop(struct inode *i, const void *owner)
{
	if (unlikely(READ_ONCE(i->locks)))
		locks_drop_all(i, owner);
}
long fcntl_lock(int fd, struct file *f, unsigned int cmd, unsigned long arg);
void locks_free(struct inode *i); /* with the inode's last reference */
/* Write the lines of /proc/locks, and those that the opening `f` and the table `owner` have on f's
 * file, for fdinfo. */
void locks_show(struct seq *s);
void locks_show_of(struct seq *s, struct file *f, const void *owner);

/* ---- tmpfs.c, pipe.c, devices.c ---- */
extern const struct inode_ops tmpfs_dir_ops, tmpfs_file_inode_ops;
extern const struct file_ops tmpfs_file_ops, directory_file_ops, chrdev_ops, no_device_ops,
	fifo_ops;
struct dentry *tmpfs_make(struct dentry *dir, const struct qname *name,
			  const struct node_spec *spec);
int tmpfs_make_in(struct dentry *dir, const char *text, const struct node_spec *spec);
bool parse_number(const char *text, u32 base, u32 *out); /* of a mount option */
struct inode *tmpfs_new_inode(struct super *sb, const struct node_spec *spec); /* ERR_PTR */
/* Unmap the whole pages in [start, end) wherever they are mapped; `copies`: private copies too. */
void object_unmap(struct vm_object *o, u64 start, u64 end, bool copies);
int tmpfs_truncate(struct inode *i, u64 size);
/* Open a file of no file system. `what`: its name in /proc, constant. Returns the file (NULL:
 * file_alloc_error()), or a descriptor or -errno. On failure the caller still owns `private`. */
struct file *anon_file_alloc(const char *what, const struct file_ops *ops, void *private,
			     int flags);
int anon_file_open(const char *what, const struct file_ops *ops, void *private, int flags);
void pipe_free(struct pipe *p);
/* Make a pipe: its ends for reading and for writing. 0 or -ENFILE. */
int pipe_files(struct file *out[2], u32 flags);
/* End what the caller writes, and wait until no reader is left, or for a signal. */
void pipe_end_and_wait(struct file *f);
/* F_GETPIPE_SZ and F_SETPIPE_SZ. -EBADF when f is no pipe. */
long pipe_get_size(struct file *f);
long pipe_set_size(struct file *f, unsigned long size);
extern u64 pipe_max_size;        /* fs.pipe-max-size, in bytes */
int pipe_set_max_size(s64 size); /* rounds up to a power of two */
/* fs.pipe-user-pages-soft and -hard, per user; 0: no limit */
extern u64 pipe_pages_soft, pipe_pages_hard;
int devices_make_nodes(struct dentry *dev);           /* 0 or -ENOMEM */
s64 no_lseek(struct file *f, s64 offset, int whence); /* without a position: does nothing */
/* Cut the next "name=value" (or "name": *value is NULL) off mount options. False: none is left. */
bool next_option(char **text, char **name, char **value);
extern const struct file_ops tty_file_ops, ctty_file_ops, ptmx_file_ops, pts_file_ops, kmsg_ops;
extern u64 dmesg_restrict;        /* kernel.dmesg_restrict: 1: only root reads the log */
void devices_show(struct seq *s); /* /proc/devices */
