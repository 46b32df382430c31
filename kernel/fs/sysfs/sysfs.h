/* Tables of sysfs. */
#pragma once

#include "kernel/fs/proc/proc.h"

/* A directory of the entries in an array, one of a proc_dir, and one without entries. */
#define SYS_DIR(nm, list)                                                             \
	{                                                                             \
		.name = (nm), .mode = S_IFDIR | 0755, .dir = &(const struct proc_dir) \
		{                                                                     \
			.entries = (list), .nr = ARRAY_SIZE(list)                     \
		}                                                                     \
	}
#define SYS_NUMBERED(nm, what) PROC_NUMBERED(nm, 0755, what)
#define SYS_EMPTY(nm)          PROC_NUMBERED(nm, 0755, sysfs_empty_dir)

extern const struct proc_dir sysfs_empty_dir;
extern const struct proc_dir sysfs_cpu_dir, sysfs_node_dir; /* cpu.c */
