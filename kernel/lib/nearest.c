/* How similar two names are: for "did you mean ...?". */
#include "kernel/lib/string.h"

#define NEAREST_MAX 48 /* longer names are not compared */

/* The number of characters to insert, delete or replace to make `a` into `b` (Levenshtein's
 * distance); UINT32_MAX when a name is too long. */
u32 edit_distance(const char *a, const char *b)
{
	u32 row[NEAREST_MAX + 1], n = strlen(a), m = strlen(b);

	if (n > NEAREST_MAX || m > NEAREST_MAX)
		return UINT32_MAX;
	for (u32 j = 0; j <= m; j++)
		row[j] = j;
	for (u32 i = 1; i <= n; i++) {
		u32 diagonal = row[0];

		row[0] = i;
		for (u32 j = 1; j <= m; j++) {
			u32 replaced = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			row[j] = MIN(replaced, MIN(row[j], row[j - 1]) + 1);
		}
	}
	return row[m];
}

/* A name is offered for what was typed if at most two characters, or a third of it, differ. */
bool is_nearer(const char *typed, const char *name, u32 *best)
{
	u32 d = edit_distance(typed, name);

	if (d >= *best || d > MAX(2U, (u32)strlen(name) / 3))
		return false;
	*best = d;
	return true;
}
