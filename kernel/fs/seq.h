/* Text of a length that is known only when it has been written: the files of /proc. */
#pragma once

#include "kernel/lib/types.h"

struct user;

/* Text that grows while it is written; what does not fit is only counted, and written again into
 * more room (seq_fill() in proc/proc.c). */
struct seq {
	char *data;
	size_t len, room;
	struct user *user; /* charged for a long text; a reference. NULL: none */
	u32 cost;          /* what it is charged, in KiB */
};

void seq_printf(struct seq *s, const char *fmt, ...) __printf(2, 3);
void seq_puts(struct seq *s, const char *text);
void seq_write(struct seq *s, const void *data, size_t n);
/* With each character of `special` as a backslash and three octal digits. */
void seq_escape(struct seq *s, const char *text, const char *special);
