/* For the programs that count resident pages. */
#pragma once

#include "check.h"

/* Does memory that was only read take no page? Most Linux kernels show the zero page there, but one
 * may be built to allocate. Allocates no memory itself, which would change what is counted. */
static bool reads_take_no_page(void)
{
	static char text[1 << 16];
	char *p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), head[32], *at;
	int fd = open("/proc/self/smaps", O_RDONLY);
	size_t n = 0;

	(void)*(volatile char *)p;
	for (ssize_t got; (got = read(fd, text + n, sizeof(text) - 1 - n)) > 0;)
		n += (size_t)got;
	close(fd);
	text[n] = 0;
	snprintf(head, sizeof(head), "\n%lx-", (unsigned long)p);
	munmap(p, 4096);
	at = strstr(text, head);
	at = at ? strstr(at, "\nRss:") : NULL;
	return at && strtol(at + 5, NULL, 10) == 0;
}
