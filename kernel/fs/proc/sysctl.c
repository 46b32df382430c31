/* /proc/sys: numbers and names of the kernel, some of them writable. proc(5) */
#include "kernel/coredump/coredump.h"
#include "kernel/debug/debug.h"
#include "kernel/exec/layout.h"
#include "kernel/fork.h"
#include "kernel/fs/notify/notify.h"
#include "kernel/fs/poll/poll.h"
#include "kernel/fs/proc/proc.h"
#include "kernel/lib/random.h"
#include "kernel/net/socket.h"
#include "kernel/perf/perf.h"
#include "kernel/ptrace/ptrace.h"
#include "kernel/seccomp/seccomp.h"
#include "kernel/sys/utsname.h"
#include "kernel/tty/tty_internal.h"
#include "mm/mm.h"
#include "mm/slab.h"
#include "mm/vmalloc.h"

#include <linux/capability.h>
#include <linux/sem.h>
#define ULONG_MAX (~0UL) /* for SHMMAX and SHMALL */
#include <linux/shm.h>

#define OVERFLOW_ID 65534 /* stands for an id that cannot be shown */

/* A number in [min, max]: a word of 64 bits, or the results of `get` and `set`; or else constant,
 * `min`. */
struct sysctl {
	void *word;
	int (*get)(void);
	int (*set)(s64 value); /* 0 or -errno; called for values in range only */
	s64 min, max;
};

static int show_number(struct seq *s, const struct proc_node *node)
{
	const struct sysctl *c = node->entry->arg;

	seq_printf(s, "%ld\n", c->word ? READ_ONCE(*(s64 *)c->word) : c->get ? c->get() : c->min);
	return 0;
}

static int store_number(const struct proc_node *node, char *text)
{
	const struct sysctl *c = node->entry->arg;
	s64 value;

	if (parse_s64(proc_trim(text), &value) || value < c->min || value > c->max)
		return -EINVAL;
	if (c->set)
		return c->set(value);
	WRITE_ONCE(*(s64 *)c->word, value);
	return 0;
}

static int set_threads_max(s64 n)
{
	int err = reserve_kernel_stacks((u64)n);

	if (err)
		return err;
	WRITE_ONCE(max_threads, n);
	return 0;
}

/* Yama: 3 stays until the machine is restarted. */
static int set_ptrace_scope(s64 wanted)
{
	if (READ_ONCE(ptrace_scope) == 3 && wanted != 3)
		return -EINVAL;
	WRITE_ONCE(ptrace_scope, wanted);
	return 0;
}

static int set_rt_period(s64 us)
{
	if (us < READ_ONCE(sched_rt_runtime_us))
		return -EINVAL;
	WRITE_ONCE(sched_rt_period_us, us);
	return 0;
}

static int set_rt_runtime(s64 us)
{
	if (us > READ_ONCE(sched_rt_period_us))
		return -EINVAL;
	WRITE_ONCE(sched_rt_runtime_us, us);
	return 0;
}

static int pid_max(void)
{
	return READ_ONCE(init_pidmap.pid_max);
}

/* Numbers of `max` and more that are in use stay in use. */
static int set_pid_max(s64 max)
{
	WRITE_ONCE(init_pidmap.pid_max, (int)max);
	return 0;
}

static int last_pid(void)
{
	return READ_ONCE(init_pidmap.last_pid);
}

static int set_last_pid(s64 nr)
{
	if (nr >= pid_max())
		return -EINVAL;
	WRITE_ONCE(init_pidmap.last_pid, (int)nr);
	return 0;
}

/* All or nothing: the heap is not left out. */
static int randomize(void)
{
	return READ_ONCE(norandmaps) ? 0 : 2;
}

static int set_randomize(s64 how)
{
	if (how == 1)
		return -EINVAL;
	WRITE_ONCE(norandmaps, !how);
	return 0;
}

/* 1: pages of files, of which each is in use; 2: free objects. */
static int drop_caches(s64 what)
{
	if (what & 2)
		(void)slab_shrink();
	return 0;
}

static int rr_timeslice_ms(void)
{
	return (int)(task_timeslice(&init_task) / (s64)NSEC_PER_MSEC);
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

static void show_actions(struct seq *s, bool logged)
{
	char names[SECCOMP_NAMES_MAX];

	seccomp_action_names(logged, names, sizeof(names));
	seq_printf(s, "%s\n", names);
}

static int show_actions_avail(struct seq *s, const struct proc_node *node __maybe_unused)
{
	show_actions(s, false);
	return 0;
}

static int show_actions_logged(struct seq *s, const struct proc_node *node __maybe_unused)
{
	show_actions(s, true);
	return 0;
}

static int store_actions_logged(const struct proc_node *node __maybe_unused, char *text)
{
	return seccomp_set_logged(proc_trim(text));
}

static int show_unsigned(struct seq *s, const struct proc_node *node)
{
	seq_printf(s, "%lu\n", *(const u64 *)node->entry->arg);
	return 0;
}

/* The levels of messages: below the first they are shown on the console; of messages without one;
 * the lowest that the first may be; its value at boot. */
#define PRINTK_REST "\t4\t1\t8"

static int show_printk(struct seq *s, const struct proc_node *node __maybe_unused)
{
	seq_printf(s, "%ld" PRINTK_REST "\n", READ_ONCE(console_level));
	return 0;
}

/* Only the first can be changed. */
static int store_printk(const struct proc_node *node __maybe_unused, char *text)
{
	char *rest;
	s64 level;

	text = proc_trim(text);
	for (rest = text; *rest && *rest != ' ' && *rest != '\t';)
		rest++;
	for (char *p = rest; *p; p++)
		*p = *p == ' ' ? '\t' : *p;
	if (*rest && strcmp(rest, PRINTK_REST))
		return -EINVAL;
	*rest = '\0';
	if (parse_s64(text, &level) || level < 1 || level > LOG_LEVEL_ALL)
		return -EINVAL;
	WRITE_ONCE(console_level, level);
	return 0;
}

static void show_uuid(struct seq *s, const u8 *b)
{
	for (int i = 0; i < 16; i++)
		seq_printf(s, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", b[i]);
	seq_puts(s, "\n");
}

/* RFC 4122: version 4, random. */
static void make_uuid(u8 *b)
{
	random_bytes(b, 16);
	b[6] = (b[6] & 0x0f) | 0x40;
	b[8] = (b[8] & 0x3f) | 0x80;
}

static int show_new_uuid(struct seq *s, const struct proc_node *node __maybe_unused)
{
	u8 id[16];

	make_uuid(id);
	show_uuid(s, id);
	return 0;
}

/* Made when it is first read. */
static int show_boot_id(struct seq *s, const struct proc_node *node __maybe_unused)
{
	static struct mutex lock = MUTEX_INIT(lock, LOCK_SYSLOG);
	static u8 id[16]; /* lock; byte 6 of a made one is not 0 */

	guard_mutex(&lock);
	if (!id[6])
		make_uuid(id);
	show_uuid(s, id);
	return 0;
}

static int show_sem_limits(struct seq *s, const struct proc_node *node __maybe_unused)
{
	seq_printf(s, "%d\t%d\t%d\t%d\n", SEMMSL, SEMMNS, SEMOPM, SEMMNI);
	return 0;
}

#define CONSTANT(nm, value) NUMBER(nm, 0444, .min = (value))
#define UNSIGNED(nm, value)                                                                      \
	{                                                                                        \
		.name = (nm), .mode = S_IFREG | 0444, .show = show_unsigned, .arg = &(const u64) \
		{                                                                                \
			value                                                                    \
		}                                                                                \
	}
#define NUMBER(nm, md, ...)                                                                   \
	{                                                                                     \
		.name = (nm), .mode = S_IFREG | (md), .show = (md)&0444 ? show_number : NULL, \
		.store = (md)&0222 ? store_number : NULL, .arg = &(const struct sysctl)       \
		{                                                                             \
			__VA_ARGS__                                                           \
		}                                                                             \
	}
#define NAME(nm, md, field)                                              \
	{                                                                \
		.name = (nm), .mode = S_IFREG | (md), .show = show_name, \
		.store = (md)&0222 ? store_name : NULL,                  \
		.arg = (const void *)offsetof(struct new_utsname, field) \
	}

/* Open files, files allocated but unused, and the limit. */
static int show_file_nr(struct seq *s, const struct proc_node *node __maybe_unused)
{
	seq_printf(s, "%lu\t0\t%lu\n", nr_open_files(), READ_ONCE(file_max));
	return 0;
}

static const struct proc_entry pty_entries[] = {
	NUMBER("max", 0644, .word = &pty_max, .max = INT32_MAX),
	NUMBER("nr", 0444, .word = &nr_ptys),
};
static const struct proc_entry yama_entries[] = {
	NUMBER("ptrace_scope", 0644, .word = &ptrace_scope, .set = set_ptrace_scope, .max = 3),
};
static int show_core_pattern(struct seq *s, const struct proc_node *node __maybe_unused)
{
	char pattern[CORE_PATTERN_SIZE];

	core_pattern_get(pattern);
	seq_printf(s, "%s\n", pattern);
	return 0;
}

/* One line; blanks count. */
static int store_core_pattern(const struct proc_node *node __maybe_unused, char *text)
{
	char *end = strchr(text, '\n');

	if (end)
		*end = '\0';
	core_pattern_set(text);
	return 0;
}

static const struct proc_entry seccomp_entries[] = {
	PROC_FILE("actions_avail", show_actions_avail),
	PROC_WRITABLE("actions_logged", show_actions_logged, store_actions_logged),
};
static const struct proc_entry random_entries[] = {
	PROC_FILE("boot_id", show_boot_id),
	CONSTANT("entropy_avail", 256), /* bits of the generator's key */
	CONSTANT("poolsize", 256),
	PROC_FILE("uuid", show_new_uuid),
};
static const struct proc_entry kernel_entries[] = {
	PROC_TEXT("arch", "x86_64\n"),
	CONSTANT("cap_last_cap", CAP_LAST_CAP),
	PROC_WRITABLE("core_pattern", show_core_pattern, store_core_pattern),
	NUMBER("core_pipe_limit", 0644, .word = &core_pipe_limit, .max = UINT32_MAX),
	NUMBER("core_uses_pid", 0644, .word = &core_uses_pid, .min = INT32_MIN, .max = INT32_MAX),
	NUMBER("dmesg_restrict", 0644, .word = &dmesg_restrict, .max = 1),
	NAME("domainname", 0644, domainname),
	NAME("hostname", 0644, nodename),
	CONSTANT("ngroups_max", NGROUPS),
	NUMBER("ns_last_pid", 0644, .get = last_pid, .set = set_last_pid, .max = PID_MAX_LIMIT),
	NAME("osrelease", 0444, release),
	NAME("ostype", 0444, sysname),
	CONSTANT("overflowgid", OVERFLOW_ID),
	CONSTANT("overflowuid", OVERFLOW_ID),
	NUMBER("perf_event_paranoid", 0644, .word = &perf_event_paranoid, .min = -1,
	       .max = INT32_MAX),
	NUMBER("pid_max", 0644, .get = pid_max, .set = set_pid_max, .min = RESERVED_PIDS + 1,
	       .max = PID_MAX_LIMIT),
	PROC_WRITABLE("printk", show_printk, store_printk),
	PROC_DIR("pty", pty_entries),
	PROC_DIR("random", random_entries),
	NUMBER("randomize_va_space", 0644, .get = randomize, .set = set_randomize, .max = 2),
	NUMBER("sched_child_runs_first", 0644, .word = &sched_child_first, .max = 1),
	NUMBER("sched_rr_timeslice_ms", 0444, .get = rr_timeslice_ms), /* at nice 0 */
	NUMBER("sched_rt_period_us", 0644, .word = &sched_rt_period_us, .set = set_rt_period,
	       .min = 1, .max = INT32_MAX),
	NUMBER("sched_rt_runtime_us", 0644, .word = &sched_rt_runtime_us, .set = set_rt_runtime,
	       .min = -1, .max = INT32_MAX),
	PROC_DIR("seccomp", seccomp_entries),
	PROC_FILE("sem", show_sem_limits),
	CONSTANT("shm_rmid_forced", 0),
	UNSIGNED("shmall", SHMALL),
	UNSIGNED("shmmax", SHMMAX),
	CONSTANT("shmmni", SHMMNI),
	CONSTANT("tainted", 0),
	NUMBER("threads-max", 0644, .word = &max_threads, .set = set_threads_max, .min = 20,
	       .max = PID_MAX_LIMIT),
	NAME("version", 0444, version),
	PROC_DIR("yama", yama_entries),
};
static const struct proc_entry vm_entries[] = {
	NUMBER("drop_caches", 0200, .set = drop_caches, .min = 1, .max = 4),
	CONSTANT("legacy_va_layout", 0),
	NUMBER("max_map_count", 0644, .word = &max_map_count, .min = 0, .max = 0x7fffffff),
	CONSTANT("min_free_kbytes", PAGE_RESERVE *(PAGE_SIZE / 1024)),
	CONSTANT("mmap_min_addr", MMAP_MIN_ADDR),
	CONSTANT("nr_hugepages", 0),
	CONSTANT("oom_kill_allocating_task", 0),
	CONSTANT("overcommit_memory", 1), /* a task learns at the first access that there is none */
	CONSTANT("panic_on_oom", 0),
};
static const struct proc_entry epoll_entries[] = {
	NUMBER("max_user_watches", 0644, .word = &epoll_max_watches, .max = INT32_MAX),
};
static const struct proc_entry inotify_entries[] = {
	NUMBER("max_queued_events", 0644, .word = &inotify_max_events, .max = INT32_MAX),
	NUMBER("max_user_instances", 0644, .word = &inotify_max_instances, .max = INT32_MAX),
	NUMBER("max_user_watches", 0644, .word = &inotify_max_watches, .max = INT32_MAX),
};
static const struct proc_entry fs_entries[] = {
	PROC_DIR("epoll", epoll_entries),
	NUMBER("file-max", 0644, .word = &file_max, .max = INT64_MAX),
	PROC_FILE("file-nr", show_file_nr),
	PROC_DIR("inotify", inotify_entries),
	NUMBER("mount-max", 0644, .word = &mount_max, .min = 1, .max = INT32_MAX),
	NUMBER("nr_open", 0644, .word = &nr_open, .min = 64, .max = MAX_DESCRIPTORS_EVER),
	CONSTANT("overflowgid", OVERFLOW_ID),
	CONSTANT("overflowuid", OVERFLOW_ID),
	NUMBER("pipe-max-size", 0644, .word = &pipe_max_size, .set = pipe_set_max_size, .min = 1,
	       .max = 1L << 31),
	NUMBER("pipe-user-pages-hard", 0644, .word = &pipe_pages_hard, .max = INT64_MAX),
	NUMBER("pipe-user-pages-soft", 0644, .word = &pipe_pages_soft, .max = INT64_MAX),
	NUMBER("protected_fifos", 0644, .word = &protected_fifos, .max = 2),
	NUMBER("protected_hardlinks", 0644, .word = &protected_hardlinks, .max = 1),
	NUMBER("protected_regular", 0644, .word = &protected_regular, .max = 2),
	NUMBER("protected_symlinks", 0644, .word = &protected_symlinks, .max = 1),
	CONSTANT("suid_dumpable", 0), /* set-id programs are not dumped */
};
static const struct proc_entry core_entries[] = {
	NUMBER("somaxconn", 0644, .word = &socket_max_backlog, .max = INT32_MAX),
};
/* Sockets use the value as unsigned, as on Linux: a negative one is no limit. */
static const struct proc_entry unix_entries[] = {
	NUMBER("max_dgram_qlen", 0644, .word = &unix_max_dgrams, .min = INT32_MIN,
	       .max = INT32_MAX),
};
static const struct proc_entry net_entries[] = {
	PROC_DIR("core", core_entries),
	PROC_NUMBERED("ipv4", 0555, proc_ipv4_dir),
	PROC_DIR("unix", unix_entries),
};
static const struct proc_entry sys_entries[] = {
	PROC_DIR("fs", fs_entries),
	PROC_DIR("kernel", kernel_entries),
	PROC_DIR("net", net_entries),
	PROC_DIR("vm", vm_entries),
};
const struct proc_dir proc_sys_dir = {
	.entries = sys_entries, .nr = ARRAY_SIZE(sys_entries), .strict = true};
