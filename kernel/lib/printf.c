/* printf(3)'s subset. Pure: no allocation, no lock, any context. */
#include "kernel/lib/log.h"
#include "kernel/lib/string.h"

/* Where the text goes: everything is counted, only what fits is stored. */
struct sink {
	char *buf;
	size_t size, len;
};

struct spec {
	bool left, plus, space, zero, alt;
	int width, precision; /* precision -1: none given */
	int length;           /* -2 hh, -1 h, 0, 1 l, 2 ll, 3 z */
};

static void put(struct sink *s, char c)
{
	if (s->len + 1 < s->size)
		s->buf[s->len] = c;
	s->len++;
}

static void pad(struct sink *s, char c, int n)
{
	while (n-- > 0)
		put(s, c);
}

static void put_string(struct sink *s, const struct spec *sp, const char *str)
{
	size_t n;

	if (str == NULL)
		str = "(null)";
	n = sp->precision >= 0 ? strnlen(str, sp->precision) : strlen(str);
	if (!sp->left)
		pad(s, ' ', sp->width - (int)n);
	for (size_t i = 0; i < n; i++)
		put(s, str[i]);
	if (sp->left)
		pad(s, ' ', sp->width - (int)n);
}

/* Digits of `v`, last one first. Returns how many; none for 0: the precision decides about it. */
static int digits_of(char *out, u64 v, unsigned int base, bool upper)
{
	const char *set = upper ? "0123456789ABCDEF" : "0123456789abcdef";
	int n = 0;

	for (; v; v /= base)
		out[n++] = set[v % base];
	return n;
}

/* `prefix`: sign or "0x"; comes before the zeroes that fill up to precision or width. */
static void put_number(struct sink *s, struct spec *sp, u64 v, unsigned int base, bool upper,
		       const char *prefix)
{
	char text[24]; /* 22 octal digits are the longest */
	int n = digits_of(text, v, base, upper);
	int zeroes = MAX(0, (sp->precision < 0 ? 1 : sp->precision) - n);
	int plen = (int)strlen(prefix);

	if (base == 8 && sp->alt && zeroes == 0 && (n == 0 || text[n - 1] != '0'))
		zeroes = 1;
	if (sp->zero && !sp->left && sp->precision < 0)
		zeroes = MAX(zeroes, sp->width - plen - n);
	if (!sp->left)
		pad(s, ' ', sp->width - plen - zeroes - n);
	for (int i = 0; i < plen; i++)
		put(s, prefix[i]);
	pad(s, '0', zeroes);
	for (int i = n; i > 0; i--)
		put(s, text[i - 1]);
	if (sp->left)
		pad(s, ' ', sp->width - plen - zeroes - n);
}

static void put_signed(struct sink *s, struct spec *sp, s64 v)
{
	const char *sign = v < 0 ? "-" : sp->plus ? "+" : sp->space ? " " : "";

	put_number(s, sp, v < 0 ? 0 - (u64)v : (u64)v, 10, false, sign);
}

/* %p: 0x and digits; %pS: the symbol around it. Returns the conversion's last character. */
static const char *put_pointer(struct sink *s, struct spec *sp, const char *fmt, const void *ptr)
{
	char name[96];

	if (fmt[1] == 'S') {
		put_string(s, sp, symbol_name((u64)ptr, name, sizeof(name)));
		return fmt + 1;
	}
	put_number(s, sp, (u64)ptr, 16, false, "0x");
	return fmt;
}

/* Flags, width, precision and length. Returns the first character behind them. */
static const char *parse_spec(struct spec *sp, const char *f, va_list *ap)
{
	*sp = (struct spec){.precision = -1};
	for (;; f++) {
		if (*f == '-')
			sp->left = true;
		else if (*f == '+')
			sp->plus = true;
		else if (*f == ' ')
			sp->space = true;
		else if (*f == '0')
			sp->zero = true;
		else if (*f == '#')
			sp->alt = true;
		else
			break;
	}
	if (*f == '*') {
		sp->width = va_arg(*ap, int);
		f++;
	}
	while (*f >= '0' && *f <= '9')
		sp->width = sp->width * 10 + (*f++ - '0');
	if (sp->width < 0) {
		sp->left = true;
		sp->width = -sp->width;
	}
	if (*f == '.') {
		sp->precision = 0;
		f++;
		if (*f == '*') {
			sp->precision = va_arg(*ap, int);
			f++;
		}
		while (*f >= '0' && *f <= '9')
			sp->precision = sp->precision * 10 + (*f++ - '0');
	}
	for (; *f == 'l' || *f == 'h' || *f == 'z'; f++)
		sp->length += *f == 'l' ? 1 : *f == 'h' ? -1 : 3;
	return f;
}

static s64 next_signed(const struct spec *sp, va_list *ap)
{
	if (sp->length > 0)
		return va_arg(*ap, long);
	int v = va_arg(*ap, int);

	return sp->length == -1 ? (short)v : sp->length == -2 ? (signed char)v : v;
}

static u64 next_unsigned(const struct spec *sp, va_list *ap)
{
	if (sp->length > 0)
		return va_arg(*ap, unsigned long);
	unsigned int v = va_arg(*ap, unsigned int);

	return sp->length == -1 ? (u16)v : sp->length == -2 ? (u8)v : v;
}

/* One conversion; `f` points at its letter. Returns the last character consumed. */
static const char *convert(struct sink *s, struct spec *sp, const char *f, va_list *ap)
{
	u64 v;

	switch (*f) {
	case 'd':
	case 'i':
		put_signed(s, sp, next_signed(sp, ap));
		break;
	case 'u':
		put_number(s, sp, next_unsigned(sp, ap), 10, false, "");
		break;
	case 'o':
		put_number(s, sp, next_unsigned(sp, ap), 8, false, "");
		break;
	case 'x':
	case 'X':
		v = next_unsigned(sp, ap);
		put_number(s, sp, v, 16, *f == 'X',
			   !sp->alt || v == 0 ? ""
			   : *f == 'X'        ? "0X"
					      : "0x");
		break;
	case 'c': {
		char c[2] = {(char)va_arg(*ap, int), 0};

		if (!sp->left)
			pad(s, ' ', sp->width - 1);
		put(s, c[0]);
		if (sp->left)
			pad(s, ' ', sp->width - 1);
		break;
	}
	case 's':
		put_string(s, sp, va_arg(*ap, const char *));
		break;
	case 'p':
		return put_pointer(s, sp, f, va_arg(*ap, const void *));
	case '%':
		put(s, '%');
		break;
	default: /* unknown: shown as it stands, so that the mistake is seen */
		put(s, '%');
		if (*f == '\0')
			return f - 1;
		put(s, *f);
	}
	return f;
}

int vsnprintf(char *buf, size_t size, const char *fmt, va_list args)
{
	struct sink s = {.buf = buf, .size = size};
	struct spec sp;
	va_list ap;

	va_copy(ap, args);
	for (const char *f = fmt; *f; f++) {
		if (*f != '%') {
			put(&s, *f);
			continue;
		}
		f = parse_spec(&sp, f + 1, &ap);
		f = convert(&s, &sp, f, &ap);
	}
	va_end(ap);
	if (size)
		buf[MIN(s.len, size - 1)] = '\0';
	return (int)s.len;
}

int snprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf, size, fmt, ap);
	va_end(ap);
	return n;
}

int scnprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (size == 0)
		return 0;
	va_start(ap, fmt);
	n = vsnprintf(buf, size, fmt, ap);
	va_end(ap);
	return MIN(n, (int)size - 1);
}
