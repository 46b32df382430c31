/* /proc/sys: what can be read, and in part set, of the kernel's own numbers and names. proc(5). */
#include "kernel/fork.h"
#include "kernel/fs/fs.h"
#include "kernel/fs/poll/poll.h"
#include "kernel/fs/proc/proc.h"
#include "kernel/lib/log.h"
#include "kernel/lib/string.h"
#include "kernel/net/socket.h"
#include "kernel/sys/utsname.h"
#include "kernel/task.h"
#include "kernel/tty/pty.h"
#include "mm/mm.h"
#include "mm/vmalloc.h"

/* A number in the range [min, max]. It is a word that is read whole anywhere, or else what `get`
 * and `set` make of it. */
struct sysctl {
	u64 *word;
	s64 (*get)(void);
	int (*set)(s64 value); /* 0 or -errno; called for values in range only */
	s64 min, max;
};

static const struct sysctl *sysctl_of(const struct proc_node *node)
{
	return node->entry->arg;
}

static int show_number(struct seq *s, const struct proc_node *node)
{
	const struct sysctl *c = sysctl_of(node);

	seq_printf(s, "%ld\n", c->word ? (s64)READ_ONCE(*c->word) : c->get());
	return 0;
}

static int store_number(const struct proc_node *node, char *text)
{
	const struct sysctl *c = sysctl_of(node);
	s64 value;

	if (parse_s64(proc_trim(text), &value) || value < c->min || value > c->max)
		return -EINVAL;
	if (!c->word || c->set)
		return c->set(value);
	WRITE_ONCE(*c->word, (u64)value);
	return 0;
}

/* Values are longs that are read and written whole. */
static s64 get_threads_max(void)
{
	return READ_ONCE(max_threads);
}

static int set_threads_max(s64 n)
{
	int err = reserve_kernel_stacks((u64)n);

	if (err)
		return err;
	WRITE_ONCE(max_threads, n);
	return 0;
}

static s64 get_map_count(void)
{
	return READ_ONCE(max_map_count);
}

static int set_map_count(s64 n)
{
	WRITE_ONCE(max_map_count, n);
	return 0;
}

static s64 get_rt_period(void)
{
	return READ_ONCE(sched_rt_period_us);
}

static int set_rt_period(s64 us)
{
	if (us < READ_ONCE(sched_rt_runtime_us))
		return -EINVAL;
	WRITE_ONCE(sched_rt_period_us, us);
	return 0;
}

static s64 get_rt_runtime(void)
{
	return READ_ONCE(sched_rt_runtime_us);
}

static int set_rt_runtime(s64 us)
{
	if (us > READ_ONCE(sched_rt_period_us))
		return -EINVAL;
	WRITE_ONCE(sched_rt_runtime_us, us);
	return 0;
}

static s64 get_pid_max(void)
{
	return pid_max();
}

static int set_pid_max(s64 n)
{
	pid_set_max((int)n);
	return 0;
}

static s64 get_last_pid(void)
{
	return pid_last();
}

static int set_last_pid(s64 n)
{
	return pid_set_last((int)n);
}

/* Memory is never promised: who asks for it learns when he touches it that there is none. */
static s64 get_overcommit(void)
{
	return 1;
}

static int show_name(struct seq *s, const struct proc_node *node)
{
	struct new_utsname now;

	utsname_get(&now);
	seq_printf(s, "%s\n", (const char *)&now + (size_t)node->entry->arg);
	return 0;
}

static int store_name(const struct proc_node *node, char *text)
{
	text = proc_trim(text);
	return utsname_set((size_t)node->entry->arg, text, strlen(text));
}

#define NUMBER(nm, md, ...)                                                             \
	{                                                                               \
		.name = (nm), .mode = S_IFREG | (md), .show = show_number,              \
		.store = (md)&0222 ? store_number : NULL, .arg = &(const struct sysctl) \
		{                                                                       \
			__VA_ARGS__                                                     \
		}                                                                       \
	}
#define NAME(nm, md, field)                                              \
	{                                                                \
		.name = (nm), .mode = S_IFREG | (md), .show = show_name, \
		.store = (md)&0222 ? store_name : NULL,                  \
		.arg = (const void *)offsetof(struct new_utsname, field) \
	}

/* Open files, those that are allocated and not used, and the limit. */
static int show_file_nr(struct seq *s, const struct proc_node *node __maybe_unused)
{
	seq_printf(s, "%lu\t0\t%lu\n", nr_open_files(), READ_ONCE(file_max));
	return 0;
}

static s64 get_nr_ptys(void)
{
	return (s64)READ_ONCE(nr_ptys);
}

static const struct proc_entry pty_entries[] = {
	NUMBER("max", 0644, .word = &pty_max, .max = INT32_MAX),
	NUMBER("nr", 0444, .get = get_nr_ptys),
};
static const struct proc_dir pty_dir = {.entries = pty_entries, .nr = ARRAY_SIZE(pty_entries)};
static const struct proc_entry kernel_entries[] = {
	NAME("domainname", 0644, domainname),
	NAME("hostname", 0644, nodename),
	NUMBER("ns_last_pid", 0644, .get = get_last_pid, .set = set_last_pid, .max = PID_MAX_LIMIT),
	NAME("osrelease", 0444, release),
	NAME("ostype", 0444, sysname),
	NUMBER("pid_max", 0644, .get = get_pid_max, .set = set_pid_max, .min = RESERVED_PIDS + 1,
	       .max = PID_MAX_LIMIT),
	PROC_DIR("pty", 0555, pty_dir),
	NUMBER("sched_rt_period_us", 0644, .get = get_rt_period, .set = set_rt_period, .min = 1,
	       .max = INT32_MAX),
	NUMBER("sched_rt_runtime_us", 0644, .get = get_rt_runtime, .set = set_rt_runtime, .min = -1,
	       .max = INT32_MAX),
	NUMBER("threads-max", 0644, .get = get_threads_max, .set = set_threads_max, .min = 20,
	       .max = PID_MAX_LIMIT),
	NAME("version", 0444, version),
};
static const struct proc_entry vm_entries[] = {
	NUMBER("max_map_count", 0644, .get = get_map_count, .set = set_map_count, .min = 0,
	       .max = 0x7fffffff),
	NUMBER("overcommit_memory", 0444, .get = get_overcommit),
};
static const struct proc_entry epoll_entries[] = {
	NUMBER("max_user_watches", 0644, .word = &epoll_max_watches, .max = INT32_MAX),
};
static const struct proc_dir epoll_dir = {.entries = epoll_entries,
					  .nr = ARRAY_SIZE(epoll_entries)};
static const struct proc_entry fs_entries[] = {
	PROC_DIR("epoll", 0555, epoll_dir),
	NUMBER("file-max", 0644, .word = &file_max, .max = INT64_MAX),
	{.name = "file-nr", .mode = S_IFREG | 0444, .show = show_file_nr},
	NUMBER("mount-max", 0644, .word = &mount_max, .min = 1, .max = INT32_MAX),
	NUMBER("nr_open", 0644, .word = &nr_open, .min = 64, .max = MAX_DESCRIPTORS_EVER),
	NUMBER("pipe-max-size", 0644, .word = &pipe_max_size, .set = pipe_set_max_size, .min = 1,
	       .max = 1L << 31),
	NUMBER("pipe-user-pages-hard", 0644, .word = &pipe_pages_hard, .max = INT64_MAX),
	NUMBER("pipe-user-pages-soft", 0644, .word = &pipe_pages_soft, .max = INT64_MAX),
};
static const struct proc_dir kernel_dir = {.entries = kernel_entries,
					   .nr = ARRAY_SIZE(kernel_entries)};
static const struct proc_dir vm_dir = {.entries = vm_entries, .nr = ARRAY_SIZE(vm_entries)};
static const struct proc_dir fs_dir = {.entries = fs_entries, .nr = ARRAY_SIZE(fs_entries)};
static const struct proc_entry core_entries[] = {
	NUMBER("somaxconn", 0644, .word = &socket_max_backlog, .max = INT32_MAX),
};
static const struct proc_dir core_dir = {.entries = core_entries, .nr = ARRAY_SIZE(core_entries)};
/* A socket takes the value for a number without a sign, as on Linux: below 0 is no limit. */
static const struct proc_entry unix_entries[] = {
	NUMBER("max_dgram_qlen", 0644, .word = &unix_max_dgrams, .min = INT32_MIN,
	       .max = INT32_MAX),
};
static const struct proc_dir unix_dir = {.entries = unix_entries, .nr = ARRAY_SIZE(unix_entries)};
static const struct proc_entry net_entries[] = {
	PROC_DIR("core", 0555, core_dir),
	PROC_DIR("unix", 0555, unix_dir),
};
static const struct proc_dir net_dir = {.entries = net_entries, .nr = ARRAY_SIZE(net_entries)};
static const struct proc_entry sys_entries[] = {
	PROC_DIR("fs", 0555, fs_dir),
	PROC_DIR("kernel", 0555, kernel_dir),
	PROC_DIR("net", 0555, net_dir),
	PROC_DIR("vm", 0555, vm_dir),
};
const struct proc_dir proc_sys_dir = {.entries = sys_entries, .nr = ARRAY_SIZE(sys_entries)};
