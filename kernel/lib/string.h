/* The part of <string.h> that the kernel uses. */
#pragma once

#include "kernel/lib/types.h"

void *memcpy(void *dst, const void *src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
void *memchr(const void *s, int c, size_t n);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);
u32 edit_distance(const char *a, const char *b); /* kernel/lib/nearest.c */
/* Is `name` nearer to what was typed than *best, which is then updated? */
bool is_nearer(const char *typed, const char *name, u32 *best);
char *strrchr(const char *s, int c);
char *strstr(const char *hay, const char *needle);
/* Copy with truncation, always ending in a NUL. Returns the length copied. */
size_t strlcpy(char *dst, const char *src, size_t size);
/* Parse all of `s` as a number (0x, 0 and decimal prefixes). 0, -EINVAL, or -ERANGE: too large. */
unsigned int digit_value(char c); /* of a hexadecimal digit; 16: it is none */
int parse_u64(const char *s, u64 *out);
int parse_s64(const char *s, s64 *out);
