/* Coming up: the caches, the empty root, /dev. */
#include "kernel/fs/tty.h"
#include "kernel/fs/vfs.h"
#include "kernel/lib/log.h"

static struct dentry *make_directory(struct dentry *parent, const char *text)
{
	struct node_spec spec = {.mode = S_IFDIR | 0755};
	struct qname name = qname_of(text, (u32)strlen(text));
	struct dentry *d = tmpfs_make(parent, &name, &spec);

	BUG_ON(IS_ERR(d));
	return d;
}

void fs_init(void)
{
	struct node_spec spec = {.mode = S_IFDIR | 0755};
	struct inode *root;
	struct dentry *dev;

	inode_init();
	dentry_init();
	namei_init();
	file_init();
	files_init();
	fs_context_init();
	pipe_init();
	tmpfs_init();

	root = tmpfs_new_inode(&spec);
	BUG_ON(IS_ERR(root));
	fs_root = dentry_make_root(root);
	BUG_ON(!fs_root);
	dev = make_directory(fs_root, "dev");
	devices_init(dev);
	dentry_put(dev);
}
