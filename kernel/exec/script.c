/* Scripts, "#!interpreter [argument]": execve(2). */
#include "kernel/exec/script.h"

#include "kernel/exec/args.h"
#include "kernel/lib/string.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

bool script_split_line(char *line, size_t n, char **interp, char **arg)
{
	char *newline = memchr(line, '\n', n), *end = newline ? newline : line + n;
	char *p = line + 2;

	while (p < end && is_blank(*p))
		p++;
	*interp = p;
	while (p < end && !is_blank(*p))
		p++;
	if (p == end && !newline && n == SCRIPT_LINE_MAX - 1)
		return false; /* the name may go on */
	while (end > p && is_blank(end[-1]))
		end--;
	*end = '\0';
	*arg = NULL;
	if (*p) {
		*p++ = '\0';
		while (is_blank(*p))
			p++;
		*arg = p;
	}
	return **interp != '\0';
}

void script_prepend(struct exec_args *args, const char *path, const char *interp, const char *arg)
{
	int added = arg ? 2 : 1, kept = args->nr_prefix ? args->nr_prefix : 1;

	memmove(&args->prefix[added], &args->prefix[0], kept * sizeof(args->prefix[0]));
	args->prefix[added] = path;
	if (arg)
		args->prefix[1] = arg;
	args->prefix[0] = interp;
	args->nr_prefix = kept + added;
}
