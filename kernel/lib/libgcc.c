/* What the compiler calls for built-ins that the baseline CPU lacks; libgcc is not linked. */
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
