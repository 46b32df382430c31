/* Numbers from text. The whole text must be a number. */
#include "kernel/lib/string.h"
#include "kernel/lib/uapi.h"

unsigned int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned int)(c - '0');
	if (c >= 'a' && c <= 'f')
		return (unsigned int)(c - 'a' + 10);
	if (c >= 'A' && c <= 'F')
		return (unsigned int)(c - 'A' + 10);
	return 16;
}

/* As C does: 0x… is hexadecimal, 0… octal, the rest decimal. */
static unsigned int take_base(const char **s)
{
	if ((*s)[0] != '0' || (*s)[1] == '\0')
		return 10;
	if ((*s)[1] == 'x' || (*s)[1] == 'X') {
		*s += 2;
		return 16;
	}
	*s += 1;
	return 8;
}

int parse_u64(const char *s, u64 *out)
{
	unsigned int base = take_base(&s);
	bool overflow = false;
	u64 v = 0;

	if (*s == '\0')
		return -EINVAL;
	for (; *s; s++) {
		unsigned int d = digit_value(*s);

		if (d >= base)
			return -EINVAL;
		overflow |= __builtin_mul_overflow(v, base, &v);
		overflow |= __builtin_add_overflow(v, d, &v);
	}
	if (overflow)
		return -ERANGE;
	*out = v;
	return 0;
}

int parse_s64(const char *s, s64 *out)
{
	bool minus = *s == '-';
	u64 v;
	int err;

	if (*s == '-' || *s == '+')
		s++;
	err = parse_u64(s, &v);
	if (err)
		return err;
	if (v > (u64)INT64_MAX + minus)
		return -ERANGE;
	*out = minus ? (s64)(0 - v) : (s64)v;
	return 0;
}
