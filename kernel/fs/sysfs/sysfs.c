/* sysfs: its root, and what is the same on every machine. */
#include "kernel/fs/sysfs/sysfs.h"

#include <linux/magic.h>

const struct proc_dir sysfs_empty_dir = {};

/* ---- devices, class ---- */

static int show_clock(struct seq *s, const struct proc_node *node __maybe_unused)
{
	seq_printf(s, "%s\n", arch_clock_name());
	return 0;
}

static const struct proc_entry clock_entries[] = {
	PROC_FILE("available_clocksource", show_clock), /* the others were given up at boot */
	PROC_FILE("current_clocksource", show_clock),
};
static const struct proc_entry clocksource_entries[] = {SYS_DIR("clocksource0", clock_entries)};
static const struct proc_entry system_entries[] = {
	SYS_DIR("clocksource", clocksource_entries),
	SYS_NUMBERED("cpu", sysfs_cpu_dir),
	SYS_NUMBERED("node", sysfs_node_dir),
};
static const struct proc_entry devices_entries[] = {SYS_DIR("system", system_entries)};

static const struct proc_entry ctty_entries[] = {PROC_TEXT("dev", "5:0\n")};
static const struct proc_entry console_entries[] = {PROC_TEXT("dev", "5:1\n")};
static const struct proc_entry ptmx_entries[] = {PROC_TEXT("dev", "5:2\n")};
static const struct proc_entry tty_entries[] = {
	SYS_DIR("console", console_entries),
	SYS_DIR("ptmx", ptmx_entries),
	SYS_DIR("tty", ctty_entries),
};
static const struct proc_entry class_entries[] = {
	SYS_EMPTY("block"),
	SYS_DIR("tty", tty_entries),
};

static const struct proc_entry dev_entries[] = {SYS_EMPTY("block")};

static const struct proc_entry fs_entries[] = {
	{.name = "cgroup", .mode = S_IFDIR | 0555, .mount_point = true, .dir = &sysfs_empty_dir},
};

/* ---- kernel: no huge pages ---- */

static const struct proc_entry thp_entries[] = {
	PROC_TEXT("defrag", "always defer defer+madvise madvise [never]\n"),
	PROC_TEXT("enabled", "always madvise [never]\n"),
	PROC_TEXT("shmem_enabled", "always within_size advise [never] deny force\n"),
};
static const struct proc_entry mm_entries[] = {
	SYS_EMPTY("hugepages"),
	SYS_DIR("transparent_hugepage", thp_entries),
};
static const struct proc_entry kernel_entries[] = {SYS_DIR("mm", mm_entries)};

static const struct proc_entry root_entries[] = {
	SYS_EMPTY("block"),          SYS_DIR("class", class_entries),
	SYS_DIR("dev", dev_entries), SYS_DIR("devices", devices_entries),
	SYS_DIR("fs", fs_entries),   SYS_DIR("kernel", kernel_entries),
};

static const struct proc_dir root_dir = {
	.entries = root_entries, .nr = ARRAY_SIZE(root_entries), .strict = true};
static const struct proc_entry root_entry = SYS_NUMBERED("/", root_dir);

static int sysfs_fill(struct super *s, char *options __maybe_unused)
{
	return proc_fill_with(s, &root_entry);
}

static const struct fs_type sysfs_type = {
	.name = "sysfs", .magic = SYSFS_MAGIC, .fill = sysfs_fill};
LINKER_SET_ADD(fs_types, sysfs_type);
