/* A line editor with history. Pure: compiles on the host. */
#pragma once

#include "kernel/lib/types.h"
#include "kernel/shell/parse.h"

#define HISTORY_LINES 32

enum edit_result {
	EDIT_MORE,   /* the line is not finished */
	EDIT_DONE,   /* Enter: it is in buf */
	EDIT_CANCEL, /* ^C */
	EDIT_EOF,    /* ^D on an empty line */
	EDIT_TAB,    /* complete the word at the cursor, by edit_insert() and edit_redraw() */
};

struct lineedit {
	char buf[SHELL_LINE_MAX]; /* always ends in a NUL */
	size_t len, pos;
	char prompt[32];
	void (*out)(const char *s, size_t n); /* to the terminal */
	u8 escape;                            /* bytes of an escape sequence seen so far */
	char escape_arg;
	bool after_cr; /* swallow the \n of \r\n */
	char history[HISTORY_LINES][SHELL_LINE_MAX];
	u32 nr_history; /* lines ever remembered */
	u32 browsing;   /* line nr_history - browsing is shown; 0: the line being typed */
	char draft[SHELL_LINE_MAX]; /* the line being typed, while an old one is shown */
};

void edit_begin(struct lineedit *e, const char *prompt);
enum edit_result edit_feed(struct lineedit *e, char c);
void edit_insert(struct lineedit *e, const char *text);
void edit_redraw(struct lineedit *e); /* prompt and line, on a fresh row */
/* Remember a line, unless it is empty or equal to the last one. */
void edit_remember(struct lineedit *e, const char *line);
