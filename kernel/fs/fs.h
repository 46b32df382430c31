/* Files for the rest of the kernel: open files, descriptor tables, working directories. */
#pragma once

#include "kernel/lib/uapi.h"
#include "kernel/resources.h"

struct file; /* an open file description */
struct inode;
struct dentry;
struct vm_object;

/* Descriptor tables, which CLONE_FILES shares. kernel/resources.h has more of them. */
extern u64 nr_open;               /* fs.nr_open: the limit of RLIMIT_NOFILE */
void fs_init(void);               /* caches, the empty root, /dev with its nodes */
struct files *files_create(void); /* empty; NULL without memory */
void files_close_on_exec(struct files *f);
/* Open /dev/console as 0, 1 and 2 of an empty table. 0 or -errno. */
int files_open_console(struct files *f);
/* The file of current's descriptor, with a reference; NULL: -EBADF. */
struct file *file_get_fd(int fd);
void file_put(struct file *f); /* NULL is allowed */
SCOPED(file_put, struct file *)
/* The file of a descriptor in a table, with a reference, or NULL. */
struct file *files_get_file(struct files *f, u32 fd);
/* The same, and whether exec closes the descriptor. */
struct file *files_look(struct files *f, u32 fd, bool *cloexec);
/* Move *fd to the lowest open descriptor from *fd on; false: none. */
bool files_next(struct files *f, u32 *fd);
u32 files_room(const struct files *f); /* size of the table, before it grows */
/* Call fn for each open descriptor (shell command `fds`); `what` is its path or description. */
void files_foreach(struct files *f,
		   void (*fn)(int fd, const char *what, u32 flags, bool cloexec, void *),
		   void *arg);

/* For a kernel thread that is to become a program: current drops the descriptors and the place in
 * the file system that it shares, for an empty table and the root. 0 or -ENOMEM. */
int new_resources(void);

/* Root, working directory and umask, shared by CLONE_FS. */
struct fs_context *fs_context_create(void); /* at the root */
/* Forbid new users until the end. True when all users are threads of current's process. */
bool fs_context_exec_begin(struct fs_context *fs);
void fs_context_exec_end(struct fs_context *fs);

/* Open a regular file for execution. `path`: a kernel string, walked from `dirfd` by WALK_* flags.
 * ERR_PTR: -ENOENT, -EACCES (also of a directory), -ENOTDIR, -ELOOP, -ETXTBSY. */
struct file *open_exec(int dirfd, const char *path, u32 walk);
/* Read at an offset without moving the file position. Bytes, or -errno. */
ssize_t kernel_read(struct file *f, void *buf, size_t n, u64 pos);
/* The pages of a regular file, for mapping; NULL: cannot be mapped. No new reference. */
struct vm_object *file_object(struct file *f);
u64 file_size(const struct file *f);
void file_hold(struct file *f); /* take a reference; NULL is allowed */
void file_identity(struct file *f, u64 *dev, u64 *ino);
/* Write the absolute path of an open file, or its description, to buf. */
const char *file_describe(struct file *f, char *buf, size_t n);
/* Whether the caller may read the file by its name. */
bool file_is_readable(struct file *f);
/* The valid bits of S_ISUID and S_ISGID, with owner and group, all at one moment. May sleep. */
mode_t file_set_ids(struct file *f, uid_t *uid, gid_t *gid);
/* /dev/zero, which maps as anonymous memory. */
bool file_is_zero(const struct file *f);
void file_note_map(struct file *f); /* it was mapped, which counts as a read */
/* Check that mmap() may use it so. 0, -EACCES, -ENODEV, -EPERM (mounted noexec). */
int file_may_map(struct file *f, bool shared, bool write, bool exec);

/* Unpack a cpio archive into the root. 0, or -EINVAL with the reason in `why`: a part may stay. */
int initramfs_unpack(const void *data, size_t size, const char **why);

/* ---- for the shell, and for tests that run inside the kernel ---- */
/* Make or replace a regular file with these contents. 0 or -errno. */
int kernel_write_file(const char *path, const void *data, size_t n, mode_t mode);
int kernel_unlink(const char *path);
bool kernel_path_exists(const char *path);
/* Call fn with each name in the directory but "." and "..". 0, -ENOENT, -ENOTDIR. */
int kernel_list_dir(const char *path, void (*fn)(const char *name, bool is_dir, void *), void *arg);
u64 nr_open_files(void); /* open file descriptions */
