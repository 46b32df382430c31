/* procfs, the file system: nodes, directories, reading. Other files have the tables. */
#include "kernel/fs/proc/proc.h"
#include "kernel/ptrace/ptrace.h"

#include "mm/mm.h"
#include "mm/slab.h"
#include "mm/vmalloc.h"

#include <linux/magic.h>

#define TEXT_MIN     1024
#define TEXT_LONG    (4 * PAGE_SIZE) /* from here on the text is in vmalloc's area */
#define TEXT_MAX     (64UL << 20)
#define TEXTS_MAX    1024 /* long texts per user */
#define STORE_MAX    1024
#define FIRST_NUMBER 256 /* position of the computed name 0, behind all fixed names */

static const struct inode_ops proc_dir_ops, sysfs_dir_ops, proc_file_inode_ops, proc_link_ops;
static const struct fs_type proc_type;
static const struct file_ops proc_dir_file_ops, proc_file_ops;

/* ---- nodes ---- */

/* The inode number, the same at each look-up, for programs that walk a tree. */
static ino_t number_of(const struct proc_entry *e, const struct pid *pid, u32 fd)
{
	return (pid ? (u64)pid->nr : 0) << 42 | (u64)fd << 22 | ((u64)e >> 3 & 0x3fffff);
}

static void node_free(struct inode *i)
{
	struct proc_node *node = i->private;

	if (!node)
		return;
	put_pid(node->pid);
	kfree(node);
}

/* Files of a process belong to its effective user. */
static void set_owner(struct inode *i, struct pid *pid)
{
	struct task *p scoped(put_task) = pid_get_task(pid);

	if (!p)
		return;
	guard_spin(&p->lock);
	/* Files that may not be looked at, as after a change of ids, belong to root; not so
	 * directories that all may list. */
	if (i->mode == (S_IFDIR | 0555) || !p->mm || READ_ONCE(p->mm->dumpable)) {
		i->uid = p->cred->euid;
		i->gid = p->cred->egid;
	}
}

static struct inode *make_inode(struct super *sb, const struct proc_entry *e, struct pid *pid,
				u32 fd)
{
	struct node_spec spec = {.mode = e->mode};
	struct inode *i = inode_alloc(sb, &spec);
	struct proc_node *node = kzalloc(sizeof(*node));

	if (!i || !node) {
		kfree(node);
		inode_put(i);
		return NULL;
	}
	*node = (struct proc_node){.entry = e, .pid = pid ? get_pid(pid) : NULL, .fd = fd};
	if (!inode_is(i, S_IFDIR)) /* its text is made of what other locks guard */
		mutex_init(&i->lock, LOCK_PROC);
	i->private = node;
	i->ino = number_of(e, pid, fd);
	switch (e->mode & S_IFMT) {
	case S_IFDIR:
		i->nlink = 2;
		i->ops = sb->type == &proc_type ? &proc_dir_ops : &sysfs_dir_ops;
		i->fops = &proc_dir_file_ops;
		break;
	case S_IFLNK:
		i->ops = &proc_link_ops;
		break;
	default:
		i->ops = &proc_file_inode_ops;
		i->fops = e->fops ?: &proc_file_ops;
	}
	if (pid)
		set_owner(i, pid);
	return i;
}

struct dentry *proc_make(struct dentry *dir, const struct qname *name, const struct proc_entry *e,
			 struct pid *pid, u32 fd)
{
	struct dentry *d = dentry_alloc(name, make_inode(dir->inode->sb, e, pid, fd));

	if (!d)
		return ERR_PTR(-ENOMEM);
	d->parent = dentry_get(dir);
	return d;
}

struct task *proc_task(const struct proc_node *node)
{
	return pid_get_task(node->pid);
}

bool proc_may_look(struct task *p)
{
	return ptrace_may_access(p, ACCESS_BY_FSUID);
}

bool proc_number(const struct qname *name, u32 *n)
{
	u64 v = 0;

	if (name->len > 10 || (name->s[0] == '0' && name->len > 1))
		return false;
	for (u32 i = 0; i < name->len; i++) {
		if (name->s[i] < '0' || name->s[i] > '9')
			return false;
		v = v * 10 + (u64)(name->s[i] - '0');
	}
	*n = (u32)v;
	return v <= INT32_MAX;
}

/* ---- directories ---- */

/* 0; -ENOENT: the process is gone; -EACCES: current may not look into this directory. */
static int may_list(const struct proc_node *node)
{
	struct task *p scoped(put_task) = node->pid ? proc_task(node) : NULL;

	if (!node->pid)
		return 0;
	if (!p)
		return -ENOENT;
	return node->entry->guarded && !proc_may_look(p) ? -EACCES : 0;
}

/* ---- the mount point ---- */

static spinlock_t kept_lock = SPINLOCK_INIT(LOCK_DCACHE);

/* The root's node; NULL: unmounted. */
static struct proc_node *root_node(const struct super *sb)
{
	struct dentry *root = READ_ONCE(sb->root);

	return root ? root->inode->private : NULL;
}

/* The kept dentry, which becomes `fresh` if there is none. Takes the reference to that. */
static struct dentry *keep(struct dentry *fresh)
{
	struct proc_node *root = root_node(fresh->inode->sb);
	struct dentry *d = fresh;

	if (!root)
		return fresh;
	spin_lock(&kept_lock);
	if (!root->kept && !root->closed) {
		fresh->inode->kept = true;
		root->kept = dentry_get(fresh);
	} else if (root->kept) {
		d = dentry_get(root->kept);
	}
	spin_unlock(&kept_lock);
	if (d != fresh)
		dentry_put(fresh);
	return d;
}

static void proc_unmounted(struct inode *root)
{
	struct proc_node *node = root->private;
	struct dentry *d;

	spin_lock(&kept_lock);
	d = node->kept;
	node->kept = NULL;
	node->closed = true;
	spin_unlock(&kept_lock);
	if (d)
		dentry_put(d);
}

static struct dentry *inherit(const struct proc_node *dir, struct dentry *d)
{
	if (d && !IS_ERR(d))
		((struct proc_node *)d->inode->private)->strict =
			dir->strict || dir->entry->dir->strict;
	return d;
}

/* A fixed entry inherits the process of its directory. */
static struct dentry *proc_lookup(struct dentry *dir, const struct qname *name)
{
	const struct proc_node *node = proc_node_of(dir->inode);
	const struct proc_dir *table = node->entry->dir;
	int err = may_list(node);
	struct dentry *d;

	if (err)
		return ERR_PTR(err);
	for (u32 i = 0; i < table->nr; i++) {
		const struct proc_entry *e = &table->entries[i];

		if (strlen(e->name) != name->len || memcmp(e->name, name->s, name->len))
			continue;
		d = proc_make(dir, name, e, node->pid, node->fd);
		if (!IS_ERR(d))
			((struct proc_node *)d->inode->private)->thread = node->thread;
		inherit(node, d);
		return e->mount_point && !IS_ERR(d) ? keep(d) : d;
	}
	return table->find ? inherit(node, table->find(dir, name)) : NULL;
}

static bool emit_fixed(struct file *f, dir_emit_fn emit, void *arg)
{
	const struct proc_node *node = proc_node_of(f->inode);
	const struct proc_dir *table = node->entry->dir;

	for (; f->pos - 2 < table->nr; f->pos++) {
		const struct proc_entry *e = &table->entries[f->pos - 2];

		if (!emit(arg, e->name, (u32)strlen(e->name), f->pos + 1,
			  number_of(e, node->pid, node->fd), S_DT(e->mode)))
			return false;
	}
	if (f->pos < FIRST_NUMBER)
		f->pos = FIRST_NUMBER;
	return true;
}

static void emit_numbers(struct file *f, dir_emit_fn emit, void *arg)
{
	const struct proc_node *node = proc_node_of(f->inode);
	const struct proc_dir *table = node->entry->dir;
	u32 n = (u32)(f->pos - FIRST_NUMBER);
	char name[16];

	for (; table->next && table->next(node, &n); n++) {
		int len = scnprintf(name, sizeof(name), "%s%u", table->prefix ?: "", n);

		if (!emit(arg, name, (u32)len, FIRST_NUMBER + (u64)n + 1,
			  number_of(table->each, node->pid, n), S_DT(table->each->mode)))
			return;
		f->pos = FIRST_NUMBER + (u64)n + 1;
	}
}

static int proc_iterate(struct file *f, dir_emit_fn emit, void *arg)
{
	int err = may_list(proc_node_of(f->inode));

	guard_mutex(&f->inode->lock);
	if (!err && directory_emit_dots(f, emit, arg) && emit_fixed(f, emit, arg))
		emit_numbers(f, emit, arg);
	return err;
}

/* As on Linux: no name can be made. */
static struct dentry *proc_no_make(struct dentry *dir __maybe_unused,
				   const struct qname *name __maybe_unused,
				   const struct node_spec *spec __maybe_unused)
{
	return ERR_PTR(-ENOENT);
}

/* A process may open its own descriptors even when root owns its files, as on Linux. */
static bool proc_permits(const struct inode *i)
{
	const struct proc_node *node = i->private;
	struct task *p scoped(put_task) = node->entry->dir == &proc_fd_dir ? proc_task(node) : NULL;

	return p && p->signal == current->signal;
}

static const struct inode_ops proc_dir_ops = {
	.lookup = proc_lookup,
	.make = proc_no_make,
	.permits = proc_permits,
	.free = node_free,
};
/* There a new name is not permitted, where procfs knows of no such directory. */
static const struct inode_ops sysfs_dir_ops = {
	.lookup = proc_lookup, .unmounted = proc_unmounted, .free = node_free};
static int proc_dir_open(struct inode *inode, struct file *f __maybe_unused)
{
	return may_list(proc_node_of(inode)) == -EACCES ? -EACCES : 0;
}

static const struct file_ops proc_dir_file_ops = {
	.open = proc_dir_open,
	.read = directory_read,
	.lseek = directory_lseek,
	.iterate = proc_iterate,
	.positioned = true,
};

static ssize_t proc_readlink(struct dentry *link, char *buf)
{
	return proc_node_of(link->inode)->entry->readlink(link, buf);
}

static struct dentry *proc_jump(struct dentry *link)
{
	return proc_node_of(link->inode)->entry->jump(link);
}

static const struct inode_ops proc_link_ops = {
	.readlink = proc_readlink, .jump = proc_jump, .free = node_free};

/* ---- files ---- */

/* The limit of one user's long texts, in KiB: a sixteenth of memory. */
static u32 text_share(void)
{
	return (u32)(nr_total_pages() * (PAGE_SIZE / 1024) / 16);
}

/* Charge a long text to its reader, from before it is written until the file is closed. False: the
 * user has too much, or too many. Root has no limit. */
static bool text_charge(struct seq *s, size_t room)
{
	struct user *user = current->cred->user;
	u32 share = text_share(), cost = MAX((u32)(room / 1024), share / TEXTS_MAX + 1);

	if ((u32)atomic_add_return(&user->proc_text, (int)cost) > share &&
	    !cred_is_root(current->cred)) {
		atomic_add_return(&user->proc_text, -(int)cost);
		return false;
	}
	refcount_inc(&user->count);
	s->user = user;
	s->cost = cost;
	return true;
}

static void text_uncharge(struct seq *s)
{
	if (!s->user)
		return;
	atomic_add_return(&s->user->proc_text, -(int)s->cost);
	put_user_struct(s->user);
	s->user = NULL;
}

static bool text_alloc(struct seq *s, size_t room)
{
	if (room >= TEXT_LONG && !text_charge(s, room))
		return false;
	s->data = room < TEXT_LONG ? kmalloc(room) : vmalloc(room);
	if (s->data)
		s->room = room;
	else
		text_uncharge(s);
	return s->data;
}

static void text_free(struct seq *s)
{
	if (s->room < TEXT_LONG)
		kfree(s->data);
	else
		vfree(s->data);
	text_uncharge(s);
	s->data = NULL;
	s->room = s->len = 0;
}

/* Write the text, into more room until it fits. */
static int seq_fill(struct seq *s, const struct proc_node *node)
{
	size_t room = s->room ? s->room : TEXT_MIN;

	for (;;) {
		int err;

		if (s->room < room) {
			text_free(s);
			if (!text_alloc(s, room))
				return -ENOMEM;
		}
		s->len = 0;
		err = node->entry->show(s, node);
		if (err) {
			s->len = 0;
			return err;
		}
		if (s->len < s->room)
			return 0;
		room = s->len + s->len / 2;
		if (s->len >= TEXT_MAX) {
			text_free(s); /* a later read must not go on with what is not there */
			return -ENOMEM;
		}
	}
}

static bool may_look_at_node(const struct proc_node *node)
{
	struct task *p scoped(put_task) = proc_task(node);

	return p && proc_may_look(p);
}

static int proc_open(struct inode *inode, struct file *f)
{
	const struct proc_entry *e = proc_node_of(inode)->entry;

	if ((!e->show && (f->mode & FMODE_READ)) ||
	    (!e->store && (f->mode & FMODE_WRITE) && proc_node_of(inode)->strict))
		return -EACCES;
	if (e->guarded && !may_look_at_node(proc_node_of(inode)))
		return -EACCES;
	f->private = kzalloc(sizeof(struct seq));
	if (f->private && e->poll)
		(void)e->poll(f->private, NULL); /* what comes from now on is news */
	return f->private ? 0 : -ENOMEM;
}

static void proc_release(struct file *f)
{
	text_free(f->private);
	kfree(f->private);
}

/* Later reads go on with the text of the read from position 0. */
static ssize_t proc_read(struct file *f, struct uio *io, u64 *pos)
{
	struct seq *s = f->private;
	u64 *at = pos ? pos : &f->pos;
	ssize_t ret = 0;

	guard_mutex(&f->inode->lock);
	if (*at == 0 || !s->data)
		ret = seq_fill(s, proc_node_of(f->inode));
	if (!ret && *at < s->len && io->left) {
		ret = (ssize_t)uio_store(io, s->data + *at, MIN(io->left, s->len - *at));
		*at += (u64)ret;
		if (!ret)
			ret = -EFAULT;
	}
	return ret;
}

static ssize_t proc_write(struct file *f, struct uio *io, u64 *pos __maybe_unused)
{
	const struct proc_node *node = proc_node_of(f->inode);
	size_t n = io->left;
	int err;

	if (!node->entry->store)
		return node->pid ? -EINVAL : -EIO; /* as Linux */
	if (n >= STORE_MAX)
		return -EINVAL;
	char *text scoped(kfree) = kmalloc(n + 1);
	if (!text)
		return -ENOMEM;
	if (uio_fetch(io, text, n) < n)
		return -EFAULT;
	text[n] = '\0';
	err = node->entry->store(node, text);
	return err ? err : (ssize_t)n;
}

static u32 proc_poll(struct file *f, struct poll_table *pt)
{
	const struct proc_entry *e = proc_node_of(f->inode)->entry;

	return e->poll ? e->poll(f->private, pt) : POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM;
}

static s64 proc_lseek(struct file *f, s64 offset, int whence)
{
	return whence == SEEK_END ? -EINVAL : directory_lseek(f, offset, whence);
}

/* O_TRUNC, as in `echo 1 > file`, is no error. */
static int proc_truncate(struct inode *i __maybe_unused, u64 size __maybe_unused)
{
	return 0;
}

static const struct inode_ops proc_file_inode_ops = {.truncate = proc_truncate, .free = node_free};
static const struct file_ops proc_file_ops = {
	.open = proc_open,
	.release = proc_release,
	.read = proc_read,
	.write = proc_write,
	.poll = proc_poll,
	.lseek = proc_lseek,
	.positioned = true,
};

int proc_fill_with(struct super *s, const struct proc_entry *root)
{
	s->root = dentry_make_root(make_inode(s, root, NULL, 0));
	return s->root ? 0 : -ENOMEM;
}

static int proc_fill(struct super *s, char *options __maybe_unused)
{
	static const struct proc_entry root = PROC_NUMBERED("/", 0555, proc_root_dir);

	return proc_fill_with(s, &root);
}

static const struct fs_type proc_type = {
	.name = "proc", .magic = PROC_SUPER_MAGIC, .fill = proc_fill};
LINKER_SET_ADD(fs_types, proc_type);
