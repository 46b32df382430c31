/* Named switches, set at boot (`fork.share=tables`) or by the shell (`set NAME VALUE`). */
#pragma once

#include "kernel/lib/types.h"

struct tunable {
	const char *name, *help;
	long *value;
	long min, max;
	const char *const *words; /* names of the values from 0 up; NULL: a plain number */
	bool at_boot;             /* read only while the system comes up */
	void (*changed)(void);    /* called after each change; or NULL */
};

LINKER_SET_DECLARE(tunables, const struct tunable);

/* `var` is a `long`. */
#define TUNABLE(id, text, var, lo, hi, names, about) \
	TUNABLE_WHEN(id, text, var, lo, hi, names, about, false, NULL)
/* `fn` is called after each change. */
#define TUNABLE_HOOKED(id, text, var, lo, hi, names, about, fn) \
	TUNABLE_WHEN(id, text, var, lo, hi, names, about, false, fn)
/* The shell cannot set it. */
#define TUNABLE_AT_BOOT(id, text, var, lo, hi, names, about) \
	TUNABLE_WHEN(id, text, var, lo, hi, names, about, true, NULL)

#define TUNABLE_WHEN(id, text, var, lo, hi, names, about, boot, fn)    \
	static const struct tunable tunable_##id = {.name = (text),    \
						    .help = (about),   \
						    .value = &(var),   \
						    .min = (lo),       \
						    .max = (hi),       \
						    .words = (names),  \
						    .at_boot = (boot), \
						    .changed = (fn)};  \
	static const struct tunable *const __set_tunables_##id         \
		__attribute__((used, section("set_tunables"))) = &tunable_##id

/* While the system runs. 0, -ENOENT (no such name), -EINVAL (bad value), -EPERM (only at boot). */
int tunable_set(const char *name, const char *value);
/* The switch whose name is most like this one, or NULL. */
const char *tunable_nearest(const char *name);
struct boot_info;
void tunables_from_cmdline(const struct boot_info *boot);
