/* perf_event_open(2), and the files of events. */
#include "kernel/fs/poll/poll.h"
#include "kernel/fs/uio.h"
#include "kernel/fs/vfs.h"
#include "kernel/lib/syscall.h"
#include "kernel/perf/perf.h"
#include "kernel/task.h"
#include "mm/slab.h"

#define ATTR_SIZE_MAX PAGE_SIZE
#define OPEN_FLAGS \
	(PERF_FLAG_FD_NO_GROUP | PERF_FLAG_FD_OUTPUT | PERF_FLAG_PID_CGROUP | PERF_FLAG_FD_CLOEXEC)

/* ---- the file of an event ---- */

static ssize_t event_read(struct file *f, struct uio *io, u64 *pos __maybe_unused)
{
	size_t bytes;
	u64 *values = perf_event_read(f->private, &bytes);
	ssize_t ret = -ENOSPC;

	if (!values)
		return -ENOMEM;
	if (io->left >= bytes)
		ret = uio_store(io, values, bytes) == bytes ? (ssize_t)bytes : -EFAULT;
	kfree(values);
	return ret;
}

/* Only a buffer for samples could become readable, and no event has one. */
static u32 event_poll(struct file *f __maybe_unused, struct poll_table *pt __maybe_unused)
{
	return POLLHUP;
}

static long set_output(int fd);

static long event_ioctl(struct file *f, unsigned int cmd, unsigned long arg)
{
	bool group = arg & PERF_IOC_FLAG_GROUP;
	u64 id;

	switch (cmd) {
	case PERF_EVENT_IOC_ENABLE:
		perf_event_enable(f->private, group);
		return 0;
	case PERF_EVENT_IOC_DISABLE:
		perf_event_disable(f->private, group);
		return 0;
	case PERF_EVENT_IOC_RESET:
		perf_event_reset(f->private, group);
		return 0;
	case PERF_EVENT_IOC_ID:
		id = perf_event_id(f->private);
		return copy_to_user((void __user *)arg, &id, sizeof(id)) ? -EFAULT : 0;
	case PERF_EVENT_IOC_SET_OUTPUT:
		return set_output((int)arg);
	case PERF_EVENT_IOC_MODIFY_ATTRIBUTES: /* of breakpoints only */
		return -EOPNOTSUPP;
	case PERF_EVENT_IOC_REFRESH:
	case PERF_EVENT_IOC_PERIOD:
	case PERF_EVENT_IOC_PAUSE_OUTPUT:
	case PERF_EVENT_IOC_SET_FILTER:
	case PERF_EVENT_IOC_SET_BPF:
	case PERF_EVENT_IOC_QUERY_BPF:
		return -EINVAL; /* of sampling, tracepoints and probes */
	default:
		return -ENOTTY;
	}
}

static void event_release(struct file *f)
{
	perf_event_free(f->private);
}

static const struct file_ops event_ops = {
	.read = event_read,
	.lseek = no_lseek, /* as on Linux */
	.poll = event_poll,
	.ioctl = event_ioctl,
	.release = event_release,
};

/* NULL: not the descriptor of an event. */
static struct file *event_file(int fd)
{
	struct file *f = file_get_io(fd);

	if (f && f->ops != &event_ops) {
		file_put(f);
		f = NULL;
	}
	return f;
}

/* Of another event: it has no buffer either. -1: of none. */
static long set_output(int fd)
{
	struct file *f scoped(file_put) = fd == -1 ? NULL : event_file(fd);

	if (fd == -1)
		return 0;
	return f ? -EINVAL : -EBADF;
}

/* ---- perf_event_open(2) ---- */

/* Sizes that are not possible: say which is known. */
static long wrong_size(struct perf_event_attr __user *uattr)
{
	(void)put_user((u32)sizeof(*uattr), &uattr->size);
	return -E2BIG;
}

static long copy_attr(struct perf_event_attr *attr, struct perf_event_attr __user *uattr)
{
	u32 size;
	int err;

	if (get_user(size, &uattr->size))
		return -EFAULT;
	if (size == 0)
		size = PERF_ATTR_SIZE_VER0;
	if (size < PERF_ATTR_SIZE_VER0 || size > ATTR_SIZE_MAX)
		return wrong_size(uattr);
	err = copy_struct_from_user(attr, sizeof(*attr), uattr, size);
	return err == -E2BIG ? wrong_size(uattr) : err;
}

static long check_attr(const struct perf_event_attr *attr)
{
	bool root = cred_is_root(current->cred);

	if (attr->__reserved_1 || attr->__reserved_2 || attr->__reserved_3 ||
	    attr->sample_type >= PERF_SAMPLE_MAX || attr->read_format >= PERF_FORMAT_MAX)
		return -EINVAL;
	if ((attr->inherit_thread && !attr->inherit) ||
	    (attr->remove_on_exec && attr->enable_on_exec) ||
	    (attr->sigtrap && !attr->remove_on_exec))
		return -EINVAL;
	if (!attr->exclude_kernel && READ_ONCE(perf_event_paranoid) > 1 && !root)
		return -EACCES;
	if (attr->namespaces && !root)
		return -EACCES;
	return 0;
}

/* Is it one that is counted here? */
static long check_kind(const struct perf_event_attr *attr)
{
	if (attr->type != PERF_TYPE_SOFTWARE || attr->config >= PERF_COUNT_SW_MAX)
		return -ENOENT;
	if (attr->inherit && (attr->sample_type & PERF_SAMPLE_READ))
		return -EINVAL;
	return attr->sample_period ? -EOPNOTSUPP : 0; /* no samples: perf_event_open(2) */
}

/* Which task is to be counted, with a reference. */
static struct task *find_target(pid_t pid, int cpu)
{
	struct task *p;

	if (pid == -1) { /* all of a CPU */
		if (cpu != -1 && READ_ONCE(perf_event_paranoid) > 0 && !cred_is_root(current->cred))
			return ERR_PTR(-EACCES);
		return ERR_PTR(-EINVAL);
	}
	if (pid == 0) {
		get_task(current);
		return current;
	}
	p = find_get_task(pid);
	return p ?: ERR_PTR(-ESRCH);
}

/* The event as a file. Returns its descriptor. */
static long open_event(const struct perf_event_attr *attr, struct task *p,
		       struct perf_event *leader, unsigned long flags)
{
	struct perf_event *e = perf_event_create(attr, p, leader);
	long fd;

	if (IS_ERR(e))
		return PTR_ERR(e);
	fd = anon_file_open("[perf_event]", &event_ops, e,
			    flags & PERF_FLAG_FD_CLOEXEC ? O_CLOEXEC : 0);
	if (fd < 0)
		perf_event_free(e);
	return fd;
}

long sys_perf_event_open(struct perf_event_attr __user *uattr, pid_t pid, int cpu, int group_fd,
			 unsigned long flags)
{
	struct file *group scoped(file_put) = NULL;
	struct task *p scoped(put_task) = NULL;
	struct perf_event_attr attr;
	bool leads;
	long err;

	if (flags & ~OPEN_FLAGS)
		return -EINVAL;
	err = copy_attr(&attr, uattr) ?: check_attr(&attr);
	if (err)
		return err;
	if (flags & PERF_FLAG_PID_CGROUP)
		return -EINVAL;
	if (group_fd != -1) {
		group = event_file(group_fd);
		if (!group)
			return -EBADF;
	}
	p = find_target(pid, cpu);
	if (IS_ERR(p))
		return PTR_ERR(p);
	if (cpu != -1)
		return -EINVAL; /* a task on one CPU only */
	err = check_kind(&attr);
	if (err)
		return err;
	if (group && (flags & PERF_FLAG_FD_OUTPUT))
		return -EINVAL; /* it has no buffer: set_output() */
	leads = !group || (flags & PERF_FLAG_FD_NO_GROUP);
	if (!leads && (attr.exclusive || attr.pinned))
		return -EINVAL;
	return open_event(&attr, p, leads ? NULL : group->private, flags);
}
