/* Splitting a line into commands and words. Pure: compiles on the host. */
#pragma once

#include "kernel/lib/types.h"

#define SHELL_LINE_MAX 1024
#define SHELL_MAX_ARGS 48

struct shell_words {
	int argc;
	bool background; /* ended by & */
	char *argv[SHELL_MAX_ARGS + 1];
	char text[SHELL_LINE_MAX +
		  2 * SHELL_MAX_ARGS]; /* words, each behind a mark: word_quoted() */
};

/* Parse the next command and move *line behind it. NULL, or a message about a syntax error. A
 * command may be empty (argc 0); at the end of the line *line points at the NUL. */
const char *parse_command(const char **line, struct shell_words *out);

/* Was any part of this word in quotes? The byte in front of a word tells. */
static inline bool word_quoted(const char *word)
{
	return word[-1] == '"';
}
