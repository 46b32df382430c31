/* Boot: the caches, and the first file systems. */
#include "kernel/fs/vfs.h"

void fs_init(void)
{
	inode_init();
	dentry_init();
	namei_init();
	file_init();
	files_init();
	fs_context_init();
	mount_init();
	pipe_init();
	epoll_init();
	inotify_init();
	locks_init();
	socket_init();
	memfd_init();
	anon_file_init();
	kmsg_init();

	kernel_mount("tmpfs", "/", 0755);
	kernel_mount("devtmpfs", "/dev", 0755);
	kernel_mount("devpts", "/dev/pts", 0755);
	kernel_mount("tmpfs", "/dev/shm", 01777);
	kernel_mount("tmpfs", "/tmp", 01777);
	kernel_mount("proc", "/proc", 0555);
	kernel_mount("sysfs", "/sys", 0555);
}
