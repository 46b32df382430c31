/* mremap(2) with an old length of 0 makes a second view of a shared mapping; at the mapping's own
 * place there is nothing left to be viewed. */
#include "check.h"

int main(void)
{
	char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	char *q = mremap(p, 0, 8192, MREMAP_MAYMOVE);

	p[0] = 5;
	say("second view: %s, shows %d", q == MAP_FAILED ? error_name(errno) : "made", q[0]);
	q = mremap(p, 0, 8192, MREMAP_MAYMOVE | MREMAP_FIXED, p);
	say("onto itself: %s", q == MAP_FAILED ? error_name(errno) : "made");
	q = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	q = mremap(q, 0, 8192, MREMAP_MAYMOVE);
	say("of a private one: %s", q == MAP_FAILED ? error_name(errno) : "made");
	return 0;
}
