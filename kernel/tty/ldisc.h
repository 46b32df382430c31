/* The line discipline: from typed bytes to what a program reads, and from what a program writes to
 * what the screen shows. termios(3). Calls back for output and signals; compiles on the host. The
 * caller serialises all calls but ldisc_readable() and ldisc_count(). */
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
	void (*stopped)(void *ctx, bool stop);             /* IXON: stop output, or go on */
};

struct ldisc {
	struct termios2 t;
	const struct ldisc_ops *ops;
	void *ctx;
	u32 head;        /* where the next byte goes in; positions run freely, modulo LDISC_SIZE */
	u32 canon_head;  /* end of the last complete line: ICANON reads up to here */
	u32 tail;        /* where the next byte comes out */
	u32 column;      /* of the cursor: for tabs and erasing */
	u32 line_column; /* where the unfinished line begins on the screen */
	bool literal;    /* the last byte was VLNEXT */
	bool stopped;    /* by VSTOP */
	u8 buf[LDISC_SIZE];
	u64 ends[LDISC_SIZE / 64]; /* bit set: a line ends with this byte */
};

void ldisc_init(struct ldisc *ld, const struct ldisc_ops *ops, void *ctx);
void ldisc_set_termios(struct ldisc *ld, const struct termios2 *t);
void ldisc_input(struct ldisc *ld, u8 c); /* one typed byte */
/* Process what a program wrote (OPOST) and pass it to ops->write. */
void ldisc_output(struct ldisc *ld, const char *s, size_t n);
/* Is there something to read: a line (ICANON), or at least `min` bytes? */
bool ldisc_readable(const struct ldisc *ld, u32 min);
/* Another byte may be typed without loss. An unfinished line does not count: its excess is dropped.
 */
bool ldisc_room(const struct ldisc *ld);
u32 ldisc_count(const struct ldisc *ld); /* bytes a read would get: FIONREAD */
/* Read up to n bytes, one line at most with ICANON. *eof: 0 means end of file (VEOF). */
size_t ldisc_read(struct ldisc *ld, char *buf, size_t n, bool *eof);
void ldisc_flush(struct ldisc *ld); /* forget what was typed */
