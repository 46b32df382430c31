/* <string.h> for the kernel. Copies are string instructions, eight bytes at a time and then the
 * rest: small, quick on a CPU with fast microcode for them, and eight times quicker than bytes
 * where an emulator runs them one by one. */
#include "kernel/lib/string.h"

#include "kernel/lib/atomic.h"

void *memcpy(void *dst, const void *src, size_t n)
{
	void *d = dst;
	size_t words = n / 8, rest = n % 8;

	__asm__ volatile("rep movsq" : "+D"(d), "+S"(src), "+c"(words)::"memory");
	if (rest) /* inlined, `rest` is mostly known to be 0 */
		__asm__ volatile("rep movsb" : "+D"(d), "+S"(src), "+c"(rest)::"memory");
	return dst;
}

/* Eight bytes at any address. */
struct any_word {
	u64 v;
} __packed;

void *memmove(void *dst, const void *src, size_t n)
{
	char *d = (char *)dst + n;
	const char *s = (const char *)src + n;

	if ((u64)dst - (u64)src >= n) /* also when dst lies below src: the difference wraps */
		return memcpy(dst, src, n);
	/* From the end: words, since the tables that are moved so can be long, then the first few
	 * bytes. The barriers keep the compiler from recognising memmove here, and calling it. */
	for (; n >= 4 * sizeof(struct any_word); n -= 4 * sizeof(struct any_word)) {
		const struct any_word *from = (const struct any_word *)s - 4;
		struct any_word *to = (struct any_word *)d - 4;
		u64 w0 = from[0].v, w1 = from[1].v, w2 = from[2].v, w3 = from[3].v;

		to[0].v = w0;
		to[1].v = w1;
		to[2].v = w2;
		to[3].v = w3;
		d -= 4 * sizeof(struct any_word);
		s -= 4 * sizeof(struct any_word);
		barrier();
	}
	for (; n >= sizeof(struct any_word); n -= sizeof(struct any_word)) {
		d -= sizeof(struct any_word);
		s -= sizeof(struct any_word);
		((struct any_word *)d)->v = ((const struct any_word *)s)->v;
		barrier();
	}
	while (n--) {
		*--d = *--s;
		barrier();
	}
	return dst;
}

void *memset(void *dst, int c, size_t n)
{
	void *d = dst;
	u64 word = 0x0101010101010101UL * (u8)c;
	size_t words = n / 8, rest = n % 8;

	__asm__ volatile("rep stosq" : "+D"(d), "+c"(words) : "a"(word) : "memory");
	if (rest)
		__asm__ volatile("rep stosb" : "+D"(d), "+c"(rest) : "a"(word) : "memory");
	return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const u8 *x = a, *y = b;

	for (; n; n--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}

void *memchr(const void *s, int c, size_t n)
{
	for (const u8 *p = s; n; n--, p++)
		if (*p == (u8)c)
			return (void *)p;
	return NULL;
}

size_t strlen(const char *s)
{
	size_t n = 0;

	while (s[n]) {
		n++;
		barrier(); /* as in memmove() */
	}
	return n;
}

size_t strnlen(const char *s, size_t max)
{
	size_t n = 0;

	while (n < max && s[n])
		n++;
	return n;
}

int strcmp(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return (u8)*a - (u8)*b;
}

int strncmp(const char *a, const char *b, size_t n)
{
	for (; n; n--, a++, b++)
		if (*a != *b || *a == '\0')
			return (u8)*a - (u8)*b;
	return 0;
}

char *strchr(const char *s, int c)
{
	for (;; s++) {
		if (*s == (char)c)
			return (char *)s;
		if (*s == '\0')
			return NULL;
	}
}

char *strrchr(const char *s, int c)
{
	char *last = NULL;

	for (;; s++) {
		if (*s == (char)c)
			last = (char *)s;
		if (*s == '\0')
			return last;
	}
}

char *strstr(const char *hay, const char *needle)
{
	size_t n = strlen(needle);

	for (;; hay++) {
		if (strncmp(hay, needle, n) == 0)
			return (char *)hay;
		if (*hay == '\0')
			return NULL;
	}
}

size_t strlcpy(char *dst, const char *src, size_t size)
{
	size_t n;

	if (size == 0)
		return 0;
	n = strnlen(src, size - 1);
	memcpy(dst, src, n);
	dst[n] = '\0';
	return n;
}
