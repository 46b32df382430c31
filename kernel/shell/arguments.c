/* Numbers and pids among the words of a command. */
#include "kernel/shell/shell.h"

bool parse_word(const char *text, u64 *out)
{
	return parse_u64(text, out) == 0 || parse_s64(text, (s64 *)out) == 0;
}

bool number_argument(const char *command, const char *text, u64 *out)
{
	bool ok = parse_word(text, out);

	if (!ok)
		console_printf("%s: '%s' is not a number\n", command, text);
	return ok;
}

bool pid_argument(const char *command, const char *text, pid_t *out)
{
	s64 v;

	if (parse_s64(text, &v) == 0 && v >= -PID_MAX_LIMIT && v <= PID_MAX_LIMIT) {
		*out = (pid_t)v;
		return true;
	}
	console_printf("%s: '%s' is not a pid\n", command, text);
	return false;
}
