/* System calls as text, for `strace` and for what a tracer sees. */
#include "kernel/lib/syscall.h"
#include "kernel/shell/shell.h"
#include "kernel/trace/trace.h"

#define SHOWN (TRACE_STRING - 2) /* of a string: a record has one more byte, if there are more */

/* Small numbers as they are, flags and addresses in hex. */
static int number_text(char *buf, size_t n, u64 v)
{
	s64 word = (s64)v;

	if ((u32)v == v && (s32)v < 0 && (s32)v > -1000)
		word = (s32)v; /* an int */
	return scnprintf(buf, n, word > -1000 && word < 1000 ? "%ld" : "%#lx", word);
}

/* What is no printable character is shown in octal, as strace shows it. */
static int string_text(char *buf, size_t n, const char *s)
{
	int len = scnprintf(buf, n, "\"");

	for (size_t i = 0; s[i] && i < SHOWN; i++)
		len += scnprintf(buf + len, n - (size_t)len,
				 s[i] >= ' ' && s[i] <= '~' ? "%c" : "\\%03o", (u8)s[i]);
	return len + scnprintf(buf + len, n - (size_t)len, strlen(s) > SHOWN ? "\"..." : "\"");
}

static int arg_text(char *buf, size_t n, enum syscall_arg kind, u64 v, const char *string)
{
	if (kind == ARG_NUMBER)
		return number_text(buf, n, v);
	if (v == 0)
		return scnprintf(buf, n, "NULL");
	if (kind == ARG_STRING && string && *string)
		return string_text(buf, n, string);
	return scnprintf(buf, n, "%#lx", v);
}

void call_text(char *buf, size_t n, long nr, const u64 *args, const char *const strings[2])
{
	enum syscall_arg kind[SYSCALL_ARGS];
	int count = syscall_args((unsigned long)nr, kind), seen = 0;
	const char *name = syscall_name((unsigned long)nr);
	size_t len;

	len = (size_t)scnprintf(buf, n, "%s(", nr == NR_PUPPET_NEXT ? "next_order" : name);
	if (!syscall_info((unsigned long)nr) && nr != NR_PUPPET_NEXT)
		len += (size_t)scnprintf(buf + len, n - len, "?"); /* no such call here */
	for (int i = 0; i < count; i++) {
		bool known = kind[i] == ARG_STRING && strings && seen < 2;

		len += (size_t)scnprintf(buf + len, n - len, i ? ", " : "");
		len += (size_t)arg_text(buf + len, n - len, kind[i], args[i],
					known ? strings[seen++] : NULL);
	}
	scnprintf(buf + len, n - len, ")");
}

const char *result_text(char *buf, size_t n, long result)
{
	if (result < 0 && result >= -MAX_ERRNO)
		snprintf(buf, n, "-1 %s", errno_name(-result));
	else
		snprintf(buf, n, result > -1000 && result < 100000 ? "%ld" : "%#lx", result);
	return buf;
}
