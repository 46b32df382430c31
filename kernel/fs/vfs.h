/*
 * The virtual file system: what is private to kernel/fs/.
 *
 * An inode is a file, a dentry is a name for it, a struct file is one opening of it. The dentry
 * tree *is* the file system: every name that exists is in memory, so that a look-up never has to
 * wait for anything.
 *
 * Locks, outermost first:
 *   rename_lock     the shape of the tree: which directory is below which
 *   inode->lock     of anything but a directory (LOCK_INODE): size and contents
 *   mount_lock      what is mounted where
 *   inode->lock     of a directory (LOCK_DIR): its entries; parent before child
 *   directory.lock  (spin) the hash table of a directory, so that a look-up need not take the mutex
 *   tree_lock       (spin) the parent and name of each dentry, and what covers it
 */
#pragma once

#include "arch/x86_64/arch.h"
#include "kernel/cred.h"
#include "kernel/fs/fs.h"
#include "kernel/fs/uio.h"
#include "kernel/lib/atomic.h"
#include "kernel/lib/list.h"
#include "kernel/lib/lock.h"
#include "kernel/lib/scope.h"
#include "kernel/lib/string.h"
#include "kernel/lib/types.h"
#include "kernel/lib/uapi.h"
#include "kernel/sched/wait_queue.h"
#include "mm/object.h"

#include <asm/termios.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/limits.h>
#include <linux/stat.h>

/* POSIX names that the UAPI headers keep for the C library. */
#define DT_UNKNOWN    0
#define S_DT(mode)    (((mode)&S_IFMT) >> 12) /* the DT_* value of a mode, as getdents64 gives it */
#define S_IALLUGO     07777
#define S_IRWXUGO     0777
#define MAX_FILE_SIZE 0x7fffffffffffffffL
#define MAX_RW_COUNT  (0x7fffffffUL & PAGE_MASK) /* one read or write never moves more */
/* utimensat(2) */
#define UTIME_NOW            0x3fffffffL
#define UTIME_OMIT           0x3ffffffeL
#define MAX_SYMLINKS         40
#define BLOCK_SECTORS        (PAGE_SIZE / 512)
#define DIRENT_SIZE          20 /* of an entry, in st_size of its directory: as on Linux */
#define MAX_DESCRIPTORS_EVER (1U << 20)

/* Device numbers in the form user space sees: 12 bits of major, 20 of minor. */
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

struct dentry;
struct directory;
struct file;
struct inode;
struct lock_list;
struct pipe;
struct poll_table;
struct watched;
struct super;

/* A name on its way to a look-up; not NUL-terminated. */
struct qname {
	const char *s;
	u32 len, hash;
};

/* What a new inode is to be. */
struct node_spec {
	mode_t mode;  /* type and permissions */
	mode_t umask; /* of the caller: bits that node_set_owner() takes from `mode` */
	uid_t uid;
	gid_t gid;
	dev_t rdev;         /* S_IFCHR, S_IFBLK */
	const char *target; /* S_IFLNK */
};

/* What a file system does to its directories. The caller holds dir->inode->lock (for rename: of
 * both) and has checked permissions, types and emptiness. A NULL operation: -EPERM. */
struct inode_ops {
	/* The entry, with a reference, or NULL. Takes no mutex. */
	struct dentry *(*lookup)(struct dentry *dir, const struct qname *name);
	/* Make a new inode under that name; the dentry with a reference, or ERR_PTR. */
	struct dentry *(*make)(struct dentry *dir, const struct qname *name,
			       const struct node_spec *spec);
	int (*link)(struct dentry *dir, const struct qname *name, struct inode *inode);
	int (*remove)(struct dentry *dir, struct dentry *d); /* unlink or rmdir */
	/* Move `d` to `to`/`name`, over `victim` when that is not NULL. */
	int (*rename)(struct dentry *from, struct dentry *d, struct dentry *to,
		      const struct qname *name, struct dentry *victim);
	/* Two names change places: `a` of `from`, `b` of `to`. */
	void (*exchange)(struct dentry *from, struct dentry *a, struct dentry *to,
			 struct dentry *b);
	/* A regular file without a name: O_TMPFILE. ERR_PTR. NULL: -EOPNOTSUPP. */
	struct inode *(*nameless)(struct super *sb, const struct node_spec *spec);
	int (*truncate)(struct inode *inode, u64 size); /* regular files; inode->lock held */
	/* A symbolic link whose inode has no `target`: its text, into PATH_MAX bytes. Length, or
	 * -errno. */
	ssize_t (*readlink)(struct dentry *link, char *buf);
	/* Where such a link leads, whatever its text says. With a reference; ERR_PTR. */
	struct dentry *(*jump)(struct dentry *link);
	/* The caller may do with it what its mode does not allow. NULL: never. */
	bool (*permits)(const struct inode *inode);
	void (*free)(struct inode *inode); /* `private`, with the inode's last reference */
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
	atomic_t writers;        /* regular files: > 0 open for writing so often, < 0 executed */
	bool charged;            /* constant: it counts in sb->nr_inodes */
	bool linkable;           /* it has no name yet, but may get one: O_TMPFILE */
	s64 atime, mtime, ctime; /* ns since the epoch; lock, read by anybody */
	struct mutex lock;       /* LOCK_DIR or LOCK_INODE */
	const struct inode_ops *ops;
	const struct file_ops *fops;
	struct vm_object *object; /* S_IFREG: the contents; NULL: they are computed */
	void *private;            /* the file system's own */
	struct lock_list *locks;  /* file_locks.c: set once; NULL: it never had any */
	union {
		struct directory *dir; /* S_IFDIR; NULL: its names are computed */
		char *target;          /* S_IFLNK: constant; NULL: by ops->readlink */
		struct pipe *pipe;     /* S_IFIFO: lock; NULL while nobody has it open */
	};
};

#define NAME_INLINE 32

struct dentry {
	refcount_t count;      /* the tree's own, its children's, open files' */
	bool unlinked;         /* tree_lock: the name is gone */
	struct inode *inode;   /* constant; a reference */
	struct dentry *parent; /* tree_lock; a reference, but for a root, which is its own parent */
	struct dentry *covered_by; /* tree_lock: the root that is mounted here; a reference */
	struct dentry *covers;     /* tree_lock; of a mounted root: the place. A reference */
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
	/* `pos` NULL: the file's own position, which moves. Devices and pipes take no notice of it.
	 */
	ssize_t (*read)(struct file *f, struct uio *io, u64 *pos);
	ssize_t (*write)(struct file *f, struct uio *io, u64 *pos);
	s64 (*lseek)(struct file *f, s64 offset, int whence);
	u32 (*poll)(struct file *f, struct poll_table *pt); /* must not sleep */
	long (*ioctl)(struct file *f, unsigned int cmd, unsigned long arg);
	/* Emit entries from f->pos on until emit() says false. */
	int (*iterate)(struct file *f, dir_emit_fn emit, void *arg);
	bool positioned; /* pread, pwrite and lseek make sense */
};

enum file_mode {
	FMODE_READ = 1 << 0,
	FMODE_WRITE = 1 << 1,
	FMODE_WRITER = 1 << 3, /* counted in inode->writers: nobody may execute it */
	FMODE_DENIES = 1 << 4, /* counted there as -1: nobody may write to it */
	FMODE_PATH = 1 << 2,   /* O_PATH: names a place, reads nothing */
};

/* An open file description: what descriptors that were duplicated share. */
struct file {
	refcount_t count;
	u32 mode;                   /* enum file_mode; constant */
	u32 flags;                  /* O_APPEND, O_NONBLOCK…: plain word, written by F_SETFL */
	const struct file_ops *ops; /* constant after open */
	struct inode *inode;        /* a reference */
	struct dentry *dentry;      /* a reference; NULL for pipes */
	u64 pos;                    /* inode->lock */
	void *private;              /* tty; directories: the dentry read last (inode->lock) */
	struct watched *watched;    /* epoll.c: set once; NULL: no set has had this file */
};

/* ---- dentry.c: names, directories ---- */
extern struct dentry *fs_root;
extern struct mutex rename_lock;
void dentry_init(void);
struct dentry *dentry_alloc(const struct qname *name,
			    struct inode *inode); /* takes over the inode reference; NULL */
struct dentry *dentry_make_root(struct inode *inode);
static inline struct dentry *dentry_get(struct dentry *d)
{
	refcount_inc(&d->count);
	return d;
}
void dentry_put(struct dentry *d); /* NULL is allowed */
SCOPED(dentry_put, struct dentry *)
struct dentry *dentry_parent(struct dentry *d); /* with a reference */
struct directory *directory_create(void);
void directory_free(struct directory *dir);
u32 directory_size(const struct directory *dir);
bool directory_dead(const struct directory *dir);
void directory_kill(struct directory *dir); /* nothing is made in it any more; its inode->lock */
struct dentry *directory_lookup(struct dentry *dir, const struct qname *name);
/* The next four: the caller holds the inode->lock of every directory involved. */
void directory_add(struct dentry *dir, struct dentry *d);    /* the tree takes a reference */
void directory_remove(struct dentry *dir, struct dentry *d); /* and drops it */
void directory_exchange(struct dentry *from, struct dentry *a, struct dentry *to, struct dentry *b);
int directory_move(struct dentry *from, struct dentry *d, struct dentry *to,
		   const struct qname *name, struct dentry *victim);
/* The first entry with a cookie of at least `cookie`; `hint` is an entry to look behind, or NULL.
 * No reference. */
struct dentry *directory_next(struct dentry *dir, u64 cookie, struct dentry *hint);
u32 name_hash(const char *s, u32 len);
static inline struct qname qname_of(const char *s, u32 len)
{
	return (struct qname){.s = s, .len = len, .hash = name_hash(s, len)};
}
bool dentry_is_below(struct dentry *d, struct dentry *top); /* d == top counts; rename_lock held */
/* The root mounted on `d`, the uppermost of several; `d` itself when there is none. Takes over the
 * reference. */
struct dentry *dentry_cross(struct dentry *d);
/* One step up, across the root of a mount, but not above `root`. With a reference. */
struct dentry *dentry_up(struct dentry *d, struct dentry *root);
/* Mount `top` on `d`, or take it off again. The caller holds mount_lock and d->inode->lock. */
int dentry_cover(struct dentry *d, struct dentry *top); /* -ENOENT: removed; -EBUSY: covered */
void dentry_uncover(struct dentry *top);
static inline bool dentry_is_covered(const struct dentry *d)
{
	return READ_ONCE(d->covered_by) != NULL;
}
/* The root of a file system: it has no name that could be removed or renamed. */
static inline bool dentry_is_root(const struct dentry *d)
{
	return READ_ONCE(d->parent) == d;
}
/* "/a/b" from `root` in buf; ERR_PTR(-ENAMETOOLONG). *gone: it has been unlinked, or lies outside
 * of root. */
char *dentry_path(struct dentry *d, struct dentry *root, char *buf, size_t n, bool *gone);
/* The same from current's root, with " (deleted)" behind it when it is gone. The length, or
 * -ENAMETOOLONG. */
ssize_t dentry_describe(struct dentry *d, char *buf, size_t n);

/* ---- mount.c: file systems and where they are mounted ---- */
struct fs_type {
	const char *name;
	/* Make s->root, by the options of mount(2). On failure what there is of it is dropped by
	 * the caller. */
	int (*fill)(struct super *s, char *options);
	/* Change what a mounted one can change: MS_REMOUNT. NULL: it has no options. */
	int (*remount)(struct super *s, char *options);
	long magic;                                         /* its number for statfs(2) */
	void (*statfs)(struct super *s, struct statfs *st); /* sizes; NULL: it has none */
};

/* One file system. It lives as long as one of its inodes, and is mounted at one place at most. */
struct super {
	refcount_t count; /* its inodes, and its being mounted */
	/* What keeps it from being unmounted: open files, working directories, file systems mounted
	 * in it; and the mount itself. At 0 its names are forgotten. */
	atomic_t active;
	const struct fs_type *type;
	dev_t dev;           /* st_dev of its files */
	unsigned long flags; /* MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC: mount_lock to write */
	struct dentry *root; /* a reference until `active` is 0 */
	struct page_quota *quota; /* tmpfs: a reference */
	atomic_t nr_inodes;       /* tmpfs: and further names of files */
	int max_inodes;           /* tmpfs: mount_lock to write; 0: any number */
	struct list_head node;    /* mount_lock: in the list of what is mounted */
	char source[32];          /* the first column of /proc/mounts */
	char options[64];         /* of the type, behind "rw" there: ",size=…" */
};
extern struct mutex mount_lock;
void mount_init(void);
/* A file system without a root of its own to mount: pipes. At boot. */
struct super *super_internal(const struct fs_type *type);
void super_put(struct super *s);
/* tmpfs: one inode more, if there may be; one less. */
bool super_charge_inode(struct super *s);
void super_uncharge_inode(struct super *s);
/* A name for an inode that has none, in no directory: what /proc/self/fd leads to. Takes over the
 * reference; ERR_PTR. */
struct dentry *dentry_anonymous(struct inode *inode);
static inline bool dentry_is_anonymous(const struct dentry *d)
{
	return dentry_is_root(d) && d->inode->sb->root != d;
}
/* A reference to a dentry that keeps its file system from being unmounted. */
static inline struct dentry *dentry_pin(struct dentry *d)
{
	atomic_inc(&d->inode->sb->active);
	return dentry_get(d);
}
void super_unmounted(struct super *s);
/* One thing less that keeps it mounted. */
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
/* At boot: mount a file system of this type on a directory that is made if need be; the first one
 * becomes the root. Its root directory gets this mode. */
void kernel_mount(const char *type, const char *path, mode_t mode);
void fs_types_foreach(void (*fn)(const struct fs_type *type, void *arg), void *arg);
extern u64 mount_max; /* fs.mount-max */
/* Calls fn for everything mounted, oldest first; `path` is where, as seen from current's root. */
void mounts_foreach(void (*fn)(const struct super *s, const char *path, void *arg), void *arg);
/* The file systems that can be mounted register themselves: LINKER_SET_ADD(fs_types, NAME_type). */
LINKER_SET_DECLARE(fs_types, const struct fs_type);
extern const struct fs_type tmpfs_type, devpts_type;

/* ---- inode.c: life and attributes ---- */
void inode_init(void);
struct inode *inode_alloc(struct super *sb,
			  const struct node_spec *spec); /* all but ops, fops and contents; NULL */
static inline struct inode *inode_get(struct inode *i)
{
	refcount_inc(&i->count);
	return i;
}
void inode_put(struct inode *i);
#define MAY_EXEC  1
#define MAY_WRITE 2
#define MAY_READ  4
int inode_permission(const struct inode *i, int mask); /* by the fsuid: 0 or -EACCES */
bool inode_owner_or_root(const struct inode *i);
bool in_group(gid_t gid);
/* ---- owner.c ---- */
/* An inode that belongs to the caller, in no directory; whoever opens it again, by /proc/self/fd,
 * is refused. NULL without memory. */
struct inode *inode_of_caller(struct super *sb, mode_t mode);
/* Owner and group of what the caller makes in the directory, which is locked (NULL: in none), and
 * what becomes of its mode. */
void node_set_owner(struct node_spec *spec, const struct inode *dir);
/* The contents change by hand of the caller: they must not run as another. Caller holds i->lock. */
void inode_strip_set_ids(struct inode *i);
/* ---- inode.c ---- */
int inode_may_change(const struct inode *i); /* -EROFS when its file system is read-only */
/* ETXTBSY: a file is either written to or executed. 0 or -ETXTBSY; undone by inode_count_put(). */
int inode_count_writer(struct inode *i);
int inode_deny_writers(struct inode *i);
void inode_changed(struct inode *i);  /* ctime = now */
void inode_modified(struct inode *i); /* mtime = ctime = now */
void inode_accessed(struct inode *i); /* atime, as mount option relatime has it */
int inode_chmod(struct inode *i, mode_t mode);
int inode_chown(struct inode *i, uid_t uid, gid_t gid);
int inode_truncate(struct inode *i, s64 size); /* no permission is checked */
void inode_stat(struct inode *i, struct stat *st);
static inline bool inode_is(const struct inode *i, mode_t type)
{
	return (i->mode & S_IFMT) == type;
}

/* ---- namei.c: from path to dentry ---- */
void namei_init(void);
char *getname(const char __user *path);       /* ERR_PTR; -ENOENT for an empty one */
char *getname_empty(const char __user *path); /* empty is allowed */
char *name_alloc(void);                       /* PATH_MAX bytes, or NULL */
void putname(char *name);
SCOPED(putname, char *)
enum walk_flags {
	WALK_FOLLOW = 1 << 0, /* a symbolic link at the end is followed */
	WALK_EMPTY = 1 << 1,  /* an empty path means dirfd itself (AT_EMPTY_PATH) */
};
/* What the flags of a system call (AT_*) say of its path. */
static inline u32 walk_flags(int at)
{
	return (at & AT_SYMLINK_NOFOLLOW ? 0 : WALK_FOLLOW) | (at & AT_EMPTY_PATH ? WALK_EMPTY : 0);
}
/* With a reference; ERR_PTR. */
struct dentry *path_lookup(int dirfd, const char *path, u32 flags);
/* The same from a user pointer. */
struct dentry *user_path(int dirfd, const char __user *path, u32 flags);

enum last_type {
	LAST_NAME,
	LAST_DOT,
	LAST_DOTDOT,
	LAST_ROOT, /* no name is left: "/", or where a link jumped to */
};
struct walk_frame {
	const char *rest;
	struct dentry *link;
};
/* A path walk that has come to its last component. */
struct walk {
	struct dentry *at;   /* where we are: the directory of the last component. A reference */
	struct dentry *root; /* a reference */
	struct qname last;   /* the last component, inside the path given or the text of `link` */
	enum last_type type;
	bool slash;                /* it was followed by a slash: must be a directory */
	const char *rest;          /* what is not walked yet */
	struct dentry *link;       /* whose text `rest` is; NULL: the path given. A reference */
	struct walk_frame *frames; /* links we have to come back to; allocated with the first */
	u32 depth, links;
};
/* Begins a walk, of a variable that is scoped(walk): also when it fails. */
int walk_start(struct walk *w, int dirfd, const char *path);
void scoped_walk(struct walk *w);
int walk_to_last(struct walk *w); /* leaves w->at and w->last */
int walk_follow(struct walk *w,
		struct dentry *link); /* go on with the link's text; takes over the reference */
struct dentry *walk_lookup_last(struct walk *w); /* with a reference; ERR_PTR(-ENOENT…) */
/* What was found is a directory, if the name ended in a slash. Takes over the reference; ERR_PTR.
 */
struct dentry *walk_check_slash(const struct walk *w, struct dentry *d);
/* walk_start and walk_to_last. */
int walk_parent(struct walk *w, int dirfd, const char *path);

/* ---- readdir.c ---- */
s64 directory_lseek(struct file *f, s64 offset, int whence);
ssize_t directory_read(struct file *f, struct uio *io, u64 *pos); /* -EISDIR */
bool directory_emit_dots(struct file *f, dir_emit_fn emit, void *arg);

/* ---- open.c ---- */
struct file *file_open(int dirfd, const char *path, int flags, mode_t mode); /* ERR_PTR */
/* Takes over the reference to `d`. `created`: by the caller, so that permissions do not matter. */
struct file *file_open_dentry(struct dentry *d, int flags, bool created);

/* ---- dirops.c: for the kernel itself; paths are kernel strings ---- */
int fs_make_node(int dirfd, const char *path, struct node_spec *spec, struct dentry **out);
/* May a name be made in the directory, or this one taken away? Its lock is held. */
int fs_may_make(struct dentry *dir);
int fs_may_remove(struct dentry *dir, struct dentry *victim);
int kernel_link(struct inode *inode, const char *path);
int kernel_unlink(const char *path);

/* ---- kernel_files.c ---- */
int kernel_write_all(struct file *f, const void *data, size_t n);

/* ---- open_file.c ---- */
void file_init(void);
struct file *file_alloc(struct inode *inode, struct dentry *dentry, const struct file_ops *ops,
			u32 flags, u32 mode); /* takes references of its own; NULL */
/* Why it gave none: -ENFILE (fs.file-max, which root may exceed) or -ENOMEM. */
int file_alloc_error(void);
extern u64 file_max; /* fs.file-max */
static inline void file_get(struct file *f)
{
	refcount_inc(&f->count);
}
void file_free(struct file *f); /* the last reference is gone */
/* As file_get_fd(), but not for O_PATH descriptors. */
struct file *file_get_io(int fd);
/* The file's own name, or one for the occasion. With a reference; ERR_PTR. */
struct dentry *file_dentry(struct file *f);

static inline bool file_positioned(const struct file *f)
{
	return f->ops && f->ops->positioned;
}

/* ---- read_write.c ---- */
ssize_t file_read(struct file *f, struct uio *io, u64 *pos);
ssize_t file_write(struct file *f, struct uio *io, u64 *pos);
#define FAST_IOV 8
/* The segments of a vectored call, begun with `more` NULL and ended by scoped(segments). */
struct segments {
	struct iovec few[FAST_IOV], *more;
};
/* Copy and check them. Sets io->left to their sum. */
int import_iovec(const struct iovec __user *uiov, int n, struct segments *sg, struct uio *io);
void scoped_segments(struct segments *sg);

/* ---- fd_table.c: descriptors ---- */
int fd_alloc(u32 from); /* reserve the lowest free one; -EMFILE, -ENOMEM, -EINVAL */
void fd_install(int fd, struct file *f, bool cloexec); /* takes over the reference */
void fd_cancel(int fd);                                /* undo fd_alloc() */
/* Two descriptors at once, told to the program. On failure it drops the references. */
int fd_install_pair(struct file *f[2], int __user *ufds, bool cloexec);
int fd_open(struct file *f, u32 from, bool cloexec); /* both; on failure it drops the reference */
u64 fd_limit(void);
int fd_close(u32 fd);
int fd_replace(u32 fd, struct file *f, bool cloexec);
int fd_cloexec(u32 fd, int set);
int fd_next_open(u32 from, u32 to);
void files_init(void);

/* ---- fs_context.c ---- */
void fs_context_init(void);
void fs_get_root_pwd(struct dentry **root,
		     struct dentry **pwd); /* with references; either may be NULL */
mode_t fs_umask(void);

/* ---- epoll.c ---- */
void epoll_init(void);
/* Take a file that is being closed for good out of all epoll sets. */
void epoll_forget_all(struct file *f);
static inline void epoll_forget(struct file *f)
{
	if (unlikely(f->watched))
		epoll_forget_all(f);
}

/* ---- file_locks.c ---- */
void locks_drop_all(struct inode *i, const void *owner);
/* Whatever it has locked of the file. */
static inline void locks_drop(struct inode *i, const void *owner)
{
	if (unlikely(READ_ONCE(i->locks)))
		locks_drop_all(i, owner);
}
void locks_init(void);
long fcntl_lock(int fd, struct file *f, unsigned int cmd, unsigned long arg);

/* ---- tmpfs.c, pipe.c, devices.c ---- */
extern const struct inode_ops tmpfs_dir_ops, tmpfs_file_inode_ops;
extern const struct file_ops tmpfs_file_ops, directory_file_ops, chrdev_ops, no_device_ops,
	fifo_ops;
struct dentry *tmpfs_make(struct dentry *dir, const struct qname *name,
			  const struct node_spec *spec);
bool parse_number(const char *text, u32 base, u32 *out); /* the value of a mount option */
struct inode *tmpfs_new_inode(struct super *sb, const struct node_spec *spec); /* ERR_PTR */
/* Whoever has the whole pages of [start, end) mapped loses them. */
void object_unmap(struct vm_object *o, u64 start, u64 end, bool copies);
int tmpfs_truncate(struct inode *i, u64 size);
void memfd_init(void);
/* An open file of no file system, as a new descriptor; `what` is its name in /proc, constant. On
 * failure, -errno, `private` stays the caller's. */
int anon_file_open(const char *what, const struct file_ops *ops, void *private, int flags);
void anon_file_init(void);
void pipe_init(void);
void socket_init(void);
void pipe_free(struct pipe *p);
/* fcntl's pipe size, ioctl's FIONREAD for a pipe. -EBADF when f is no pipe. */
long pipe_get_size(struct file *f);
long pipe_set_size(struct file *f, unsigned long size);
extern u64 pipe_max_size;        /* fs.pipe-max-size, in bytes */
int pipe_set_max_size(s64 size); /* rounds up to a power of two */
/* fs.pipe-user-pages-soft and -hard, of one user; 0: no limit */
extern u64 pipe_pages_soft, pipe_pages_hard;
int devices_make_nodes(struct dentry *dev);           /* 0 or -ENOMEM */
s64 no_lseek(struct file *f, s64 offset, int whence); /* there is no position: does nothing */
/* The next of mount(2)'s options, "name=value" between commas. `text` is cut up and moves on; value
 * is NULL where there is none. False: that was the last. */
bool next_option(char **text, char **name, char **value);
extern const struct file_ops tty_file_ops, ctty_file_ops, ptmx_file_ops, pts_file_ops;
