/* What the compiler calls when a built-in has no single instruction on the baseline CPU; libgcc is
 * not linked. */
#include "kernel/lib/types.h"

/* "used": link-time optimisation sees the calls too late. */
__attribute__((used)) int __popcountdi2(u64 v);

int __popcountdi2(u64 v)
{
	int n = 0;

	for (; v; v &= v - 1)
		n++;
	return n;
}
