/* Do two tasks share something? kcmp(2) */
#include "kernel/fs/fs.h"
#include "kernel/fs/vfs.h"
#include "kernel/lib/random.h"
#include "kernel/lib/syscall.h"
#include "kernel/ptrace/ptrace.h"
#include "kernel/resources.h"
#include "kernel/sharing.h"

#include <linux/kcmp.h>

/* The open file itself, without a reference: only its address is used. -EBADF: there is none. */
static long open_file(struct task *p, unsigned long fd, const void **out)
{
	struct files *files scoped(files_put) = task_get_files(p);
	struct file *f = NULL;

	if (files && fd <= UINT32_MAX)
		f = files_get_file(files, (u32)fd);
	*out = f;
	if (!f)
		return -EBADF;
	file_put(f);
	return 0;
}

/* What the comparison is about. 0 or -errno. */
static long part_of(struct task *p, int type, unsigned long fd, const void **out)
{
	if (type == KCMP_FILE)
		return open_file(p, fd, out);
	guard_spin(&p->lock);
	switch (type) {
	case KCMP_VM:
		*out = p->mm;
		return 0;
	case KCMP_FILES:
		*out = p->files;
		return 0;
	case KCMP_FS:
		*out = p->fs;
		return 0;
	case KCMP_SIGHAND:
		*out = p->sighand;
		return 0;
	case KCMP_SYSVSEM:
		*out = READ_ONCE(p->sem_undo);
		return 0;
	case KCMP_IO: /* no task has an io context of its own */
		*out = NULL;
		return 0;
	default:
		return -EINVAL;
	}
}

/* 0: equal; 1: less; 2: greater. The order does not tell where the kernel keeps them. */
static long order(const void *a, const void *b)
{
	static u64 factor; /* odd */
	u64 none = 0, fresh = random_u64() | 1;

	if (a == b)
		return 0;
	__atomic_compare_exchange_n(&factor, &none, fresh, false, __ATOMIC_RELAXED,
				    __ATOMIC_RELAXED);
	return (u64)a * factor < (u64)b * factor ? 1 : 2;
}

long sys_kcmp(pid_t pid1, pid_t pid2, int type, unsigned long fd1, unsigned long fd2)
{
	struct task *p1 scoped(put_task) = find_get_task(pid1);
	struct task *p2 scoped(put_task) = find_get_task(pid2);
	const void *a, *b;
	long err;

	if (!p1 || !p2)
		return -ESRCH;
	if (!ptrace_may_access(p1, ACCESS_BY_UID) || !ptrace_may_access(p2, ACCESS_BY_UID))
		return -EPERM;
	err = part_of(p1, type, fd1, &a);
	if (!err)
		err = part_of(p2, type, fd2, &b);
	return err ?: order(a, b);
}
