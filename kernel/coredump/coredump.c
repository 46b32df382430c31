/*
 * Core dumps: what a process leaves for a debugger when it dies by certain signals. core(5)
 *
 *   wanted()            is there to be a dump?
 *   write_core()        all other threads wait (kernel/signal/core.c)
 *     core_name_make()  where to: pattern.c
 *     open_core()       a file; or helper_start(), a program
 *     elf_core_write()  what: elf_core.c
 *
 * No lock is held while the dump is written. SIGKILL ends it at any moment.
 */
#include "kernel/coredump/internal.h"
#include "mm/mm.h"

#define SMALLEST_CORE 4096 /* bytes: with a lower limit no file is made */
#define LIMIT_NO_PIPE 1    /* of a program that dumps are piped to */

static u64 core_limit(void)
{
	return READ_ONCE(current->signal->rlim[RLIMIT_CORE].rlim_cur);
}

/* Not of programs that have, or had, other rights than their user: PR_SET_DUMPABLE. A pipe has no
 * use for the limit. */
static bool wanted(void)
{
	if (READ_ONCE(current->mm->dumpable) != 1)
		return false;
	return core_pattern_is_pipe() ? core_limit() != LIMIT_NO_PIPE
				      : core_limit() >= SMALLEST_CORE;
}

/* An old dump is replaced and not written over: somebody may have it open, or have linked to it.
 * NULL: there cannot be a file of the process's own. */
static struct file *open_core(const char *path)
{
	struct file *f;
	const struct inode *i;

	(void)kernel_unlink(path);
	f = file_open(AT_FDCWD, path, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_LARGEFILE, 0600);
	if (IS_ERR(f))
		return NULL;
	i = f->inode;
	if (inode_is(i, S_IFREG) && READ_ONCE(i->nlink) == 1 && i->uid == current->cred->fsuid &&
	    (i->mode & 0677) == 0600)
		return f;
	file_put(f);
	return NULL;
}

static bool to_file(const struct core_dump *core, const char *path)
{
	struct file *f scoped(file_put) = core_limit() < SMALLEST_CORE ? NULL : open_core(path);
	struct sink s = {.file = f, .sparse = true, .limit = core_limit()};

	return f && elf_core_write(core, &s);
}

static bool to_program(const struct core_dump *core, const struct core_name *name)
{
	struct sink s = {.file = helper_start(name), .limit = RLIM64_INFINITY};
	bool written;

	if (!s.file)
		return false;
	written = elf_core_write(core, &s);
	helper_end(s.file);
	return written;
}

static bool write_core(const struct core_dump *core)
{
	struct core_name name scoped(core_name);

	if (!core_name_make(&name, core->info->si_signo))
		return false;
	return name.pipe ? to_program(core, &name) : to_file(core, name.text);
}

void coredump_init(void)
{
	static const struct core_ops ops = {.wanted = wanted, .write = write_core};

	core_ops = &ops;
}
