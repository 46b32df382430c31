/* Numbers and pids among the words of a command. */
#include "kernel/lib/log.h"
#include "kernel/lib/string.h"
#include "kernel/shell/shell.h"

bool number_argument(const char *command, const char *text, u64 *out)
{
	s64 v;

	if (parse_u64(text, out) == 0)
		return true;
	if (parse_s64(text, &v) == 0) {
		*out = (u64)v;
		return true;
	}
	console_printf("%s: '%s' is not a number\n", command, text);
	return false;
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
