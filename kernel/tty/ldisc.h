/*
 * The line discipline: what happens between typed bytes and what a program reads, and between what
 * a program writes and what the screen gets. termios(3). Pure: it calls back for output and
 * signals, and compiles on the host.
 *
 * The caller serialises all calls, but for ldisc_readable() and ldisc_count(), which only look.
 */
#pragma once

#include "kernel/lib/types.h"

#ifdef HOST_TEST
#include <asm/termbits.h>
#else
#include "kernel/lib/uapi.h"
#endif

#define LDISC_SIZE 4096

struct ldisc_ops {
	void (*write)(void *ctx, const char *s, size_t n); /* to the screen, as it is */
	void (*signal)(void *ctx, int sig);                /* to the foreground group */
	void (*stopped)(void *ctx, bool stop);             /* IXON: output is to stop or go on */
};

struct ldisc {
	struct termios2 t;
	const struct ldisc_ops *ops;
	void *ctx;
	u32 head;        /* where the next byte goes in; positions run freely, modulo LDISC_SIZE */
	u32 canon_head;  /* end of the last complete line: ICANON reads up to here */
	u32 tail;        /* where the next byte comes out */
	u32 column;      /* of the cursor, for tabs and for rubbing out */
	u32 line_column; /* where the line being typed began on the screen */
	bool literal;    /* the last byte was VLNEXT */
	bool stopped;    /* by VSTOP */
	u8 buf[LDISC_SIZE];
	u64 ends[LDISC_SIZE / 64]; /* bit set: a line ends with this byte */
};

void ldisc_init(struct ldisc *ld, const struct ldisc_ops *ops, void *ctx);
void ldisc_set_termios(struct ldisc *ld, const struct termios2 *t);
/* One typed byte. */
void ldisc_input(struct ldisc *ld, u8 c);
/* What a program wrote: OPOST processing, then ops->write. */
void ldisc_output(struct ldisc *ld, const char *s, size_t n);
/* Is there something to read: a line (ICANON), or at least `min` bytes? */
bool ldisc_readable(const struct ldisc *ld, u32 min);
/* May another byte be typed without losing it? An unfinished line is never in the way: what is too
 * much of it is dropped. */
bool ldisc_room(const struct ldisc *ld);
u32 ldisc_count(const struct ldisc *ld); /* bytes a read could get: FIONREAD */
/* Up to n bytes, of one line at most with ICANON. *eof: the line was ended by VEOF with nothing
 * before it left, so 0 means end of file. */
size_t ldisc_read(struct ldisc *ld, char *buf, size_t n, bool *eof);
void ldisc_flush(struct ldisc *ld); /* forget what was typed */
