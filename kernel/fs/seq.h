/* Text of unknown length: the files of /proc. */
#pragma once

#include "kernel/lib/types.h"

struct user;

/* Text that may outgrow its room: the excess is only counted, for seq_fill() to try again. */
struct seq {
	char *data;
	size_t len, room;
	struct user *user; /* charged for a long text; a reference, or NULL */
	u32 cost;          /* the charge in KiB */
	u64 event;         /* for poll(): the last change that the reader was told of */
};

void seq_printf(struct seq *s, const char *fmt, ...) __printf(2, 3);
void seq_puts(struct seq *s, const char *text);
void seq_write(struct seq *s, const void *data, size_t n);
/* Write text, with each character of `special` as a backslash and three octal digits. */
void seq_escape(struct seq *s, const char *text, const char *special);
