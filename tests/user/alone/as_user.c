/* as_user ID PROGRAM [ARGUMENT...]: become that user and group, and nobody else, and run a program.
 */
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	if (argc < 3) {
		fprintf(stderr, "usage: as_user ID PROGRAM [ARGUMENT...]\n");
		return 2;
	}
	unsigned id = atoi(argv[1]);
	if (setgroups(0, NULL) || setgid(id) || setuid(id)) {
		perror("as_user");
		return 126;
	}
	execv(argv[2], argv + 2);
	perror(argv[2]);
	return 127;
}
