/* The shell's grammar: words are split at blanks; '…' and "…" quote literally; ; and & end a
 * command; # starts a comment. There are no variables and no expansion. */
#include "kernel/shell/parse.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool ends_word(char c)
{
	return c == '\0' || is_blank(c) || c == ';' || c == '&';
}

struct words_writer {
	struct shell_words *out;
	size_t used;
};

static bool put(struct words_writer *w, char c)
{
	if (w->used >= sizeof(w->out->text))
		return false;
	w->out->text[w->used++] = c;
	return true;
}

/* Take one word and remove its quotes. Adjacent parts belong together: a'b c'd is one word. */
static const char *take_word(const char **line, struct words_writer *w)
{
	const char *s = *line;
	size_t mark = w->used;
	bool room;

	if (w->out->argc >= SHELL_MAX_ARGS)
		return "too many words";
	room = put(w, ' ');
	while (!ends_word(*s)) {
		char quote = *s;

		if (quote != '\'' && quote != '"') {
			room &= put(w, *s++);
			continue;
		}
		for (s++; *s && *s != quote; s++)
			room &= put(w, *s);
		if (*s == '\0')
			return quote == '"' ? "a \" without its end" : "a ' without its end";
		s++;
		if (room)
			w->out->text[mark] = '"';
	}
	room &= put(w, '\0');
	if (!room)
		return "the line is too long";
	w->out->argv[w->out->argc++] = &w->out->text[mark + 1];
	*line = s;
	return NULL;
}

const char *parse_command(const char **line, struct shell_words *out)
{
	struct words_writer w = {.out = out};
	const char *error;

	out->argc = 0;
	out->background = false;
	for (;;) {
		while (is_blank(**line))
			(*line)++;
		if (**line == '#')
			while (**line)
				(*line)++;
		if (**line == '\0')
			break;
		if (**line == ';' || **line == '&') {
			out->background = *(*line)++ == '&';
			break;
		}
		error = take_word(line, &w);
		if (error)
			return error;
	}
	out->argv[out->argc] = NULL;
	if (out->background && out->argc == 0)
		return "& without a command in front of it";
	return NULL;
}
