/* Text of unknown length: see seq.h. */
#include "kernel/fs/seq.h"

#include "kernel/lib/log.h"
#include "kernel/lib/string.h"

#include <stdarg.h>

void seq_printf(struct seq *s, const char *fmt, ...)
{
	size_t left = s->len < s->room ? s->room - s->len : 0;
	va_list ap;

	va_start(ap, fmt);
	s->len += (size_t)vsnprintf(left ? s->data + s->len : NULL, left, fmt, ap);
	va_end(ap);
}

void seq_write(struct seq *s, const void *data, size_t n)
{
	if (s->len + n <= s->room)
		memcpy(s->data + s->len, data, n);
	s->len += n;
}

void seq_puts(struct seq *s, const char *text)
{
	seq_write(s, text, strlen(text));
}

void seq_escape(struct seq *s, const char *text, const char *special)
{
	for (; *text; text++)
		if (strchr(special, *text))
			seq_printf(s, "\\%03o", (unsigned char)*text);
		else
			seq_write(s, text, 1);
}
