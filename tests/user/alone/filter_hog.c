/* Filters of system calls until there is no more room for them: `filter_hog N` forks children with
 * long chains, N at most, and says whether they came to an end. */
#include "../check.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>

#define LONGEST 4096

static struct sock_filter prog[LONGEST];

/* The filters that one process can have. */
static int fill(void)
{
	struct sock_fprog fprog = {LONGEST, prog};
	int n = 0;

	while (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &fprog) == 0)
		n++;
	return n;
}

int main(int argc, char **argv)
{
	int limit = argc > 1 ? atoi(argv[1]) : 1, full, n;
	struct gate filled = gate_make(), leave = gate_make();

	for (int i = 0; i < LONGEST; i++)
		prog[i] = (struct sock_filter){BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW};
	if (setgid(1000) || setuid(1000) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return 1;
	for (n = 0, full = -1; n < limit; n++) {
		int got = 0;

		if (must_fork() == 0) {
			got = fill();
			if (write(filled.fd[1], &got, sizeof(got)) != sizeof(got))
				_exit(1);
			gate_wait(&leave);
			_exit(0);
		}
		if (read(filled.fd[0], &got, sizeof(got)) != sizeof(got))
			return 2;
		if (full < 0)
			full = got;
		if (got < full) /* not the length of the chain was the limit */
			break;
	}
	say("%d processes with %d filters, %s", n, full, n < limit ? "then no room" : "no end");
	for (int i = 0; i <= n; i++)
		gate_open(&leave);
	while (wait(NULL) > 0)
		;
	return n < limit ? 0 : 3;
}
