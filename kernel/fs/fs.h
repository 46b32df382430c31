/* What the rest of the kernel needs of files: open files, descriptor tables, working directories.
 */
#pragma once

#include "kernel/lib/atomic.h"
#include "kernel/lib/lock.h"
#include "kernel/lib/scope.h"
#include "kernel/lib/types.h"
#include "kernel/lib/uapi.h"
#include "kernel/resources.h"

struct file; /* an open file description */
struct inode;
struct dentry;
struct vm_object;

/* A table of descriptors, shared by CLONE_FILES. Private to kernel/fs/fd_table.c but for these and
 * for what kernel/resources.h has. */
extern u64 nr_open;               /* fs.nr_open: the highest RLIMIT_NOFILE now */
void fs_init(void);               /* caches, the empty root, /dev with its nodes */
struct files *files_create(void); /* empty; NULL without memory */
void files_close_on_exec(struct files *f);
/* Descriptors 0, 1 and 2 of an empty table become /dev/console. 0 or -errno. */
int files_open_console(struct files *f);
/* The open file of a descriptor of current's, with a reference; NULL: -EBADF. */
struct file *file_get_fd(int fd);
void file_put(struct file *f); /* NULL is allowed */
SCOPED(file_put, struct file *)
/* The open file of a descriptor in a table, with a reference, or NULL. */
struct file *files_get_file(struct files *f, u32 fd);
/* The lowest open descriptor from *fd on; false: there is none. */
bool files_next(struct files *f, u32 *fd);
u32 files_room(const struct files *f); /* descriptors there is room for without growing */
/* Visit each open descriptor (for `fds`): path or description in text. */
void files_foreach(struct files *f,
		   void (*fn)(int fd, const char *what, u32 flags, bool cloexec, void *),
		   void *arg);

/* Root, working directory and umask, shared by CLONE_FS. */
struct fs_context *fs_context_create(void); /* at the root */
/* Until the end, nothing joins the users. True when all of them are threads of current's process.
 */
bool fs_context_exec_begin(struct fs_context *fs);
void fs_context_exec_end(struct fs_context *fs);

/* Open for execution: a regular file with an execute bit. `path` is a kernel string, resolved from
 * `dirfd` as `walk` (WALK_*) says. ERR_PTR: -ENOENT, -EACCES (also of a directory), -ENOTDIR,
 * -ELOOP, -ETXTBSY. */
struct file *open_exec(int dirfd, const char *path, u32 walk);
/* Read at an offset, without moving the file position. Bytes, or -errno. */
ssize_t kernel_read(struct file *f, void *buf, size_t n, u64 pos);
/* The pages of a regular file, for mapping; NULL when it cannot be mapped. No new reference. */
struct vm_object *file_object(struct file *f);
u64 file_size(struct file *f);
void file_hold(struct file *f); /* one more reference; NULL is allowed */
void file_identity(struct file *f, u64 *dev, u64 *ino);
/* The absolute path of an open file, or what else it is known by, in buf. */
const char *file_describe(struct file *f, char *buf, size_t n);
/* Whether the caller could read the file by its name too. */
bool file_is_readable(struct file *f);
/* Which of S_ISUID and S_ISGID hold for a program started from this file, and whose ids they are:
 * all as of one moment. May sleep. */
mode_t file_set_ids(struct file *f, uid_t *uid, gid_t *gid);
/* /dev/zero: mapping it is as mapping anonymous memory. */
bool file_is_zero(const struct file *f);
/* Whether mmap() may use it so: 0, -EACCES, -ENODEV, -EPERM (of a file system mounted noexec). */
void file_note_map(struct file *f); /* it was mapped: that counts as reading it */
int file_may_map(struct file *f, bool shared, bool write, bool exec);

/* Unpack a cpio "newc" archive into the root. 0, or -EINVAL with the reason in `why`: what came
 * before the bad entry stays. */
int initramfs_unpack(const void *data, size_t size, const char **why);

/* ---- for the shell, and for tests that run inside the kernel ---- */
/* Make or replace a regular file with these contents. 0 or -errno. */
int kernel_write_file(const char *path, const void *data, size_t n, mode_t mode);
int kernel_unlink(const char *path);
bool kernel_path_exists(const char *path);
/* For completion: calls fn with each name in the directory; -ENOENT, -ENOTDIR. */
int kernel_list_dir(const char *path, void (*fn)(const char *name, bool is_dir, void *), void *arg);
u64 nr_open_files(void); /* open file descriptions alive, for leak checks */
