/* Named switches: set on the boot command line (`fork.share=tables`) or by the shell (`set NAME
 * VALUE`). */
#pragma once

#include "kernel/lib/types.h"

struct tunable {
	const char *name, *help;
	long *value;
	long min, max;
	const char *const
		*words; /* names of the values from 0 up, NULL-terminated; NULL: a plain number */
};

LINKER_SET_DECLARE(tunables, const struct tunable);

/* `var` is a `long`. */
#define TUNABLE(id, text, var, lo, hi, names, about)                   \
	static const struct tunable tunable_##id = {.name = (text),    \
						    .help = (about),   \
						    .value = &(var),   \
						    .min = (lo),       \
						    .max = (hi),       \
						    .words = (names)}; \
	static const struct tunable *const __set_tunables_##id         \
		__attribute__((used, section("set_tunables"))) = &tunable_##id

/* 0, -ENOENT (no such name), -EINVAL (bad value). kernel/debug/tunable.c */
int tunable_set(const char *name, const char *value);
struct boot_info;
void tunables_from_cmdline(const struct boot_info *boot);
