/*
 * For programs that try, as an ordinary user, what only root may do. Each starts as root, prepares
 * root's files and processes, becomes uid and gid 1000 with no other groups, and says how far it
 * got. As everywhere below tests/user, Linux gives the right answer.
 */
#pragma once

#include "check.h"

#include <grp.h>
#include <sys/prctl.h>

#define USER 1000

/* End the program when the preparation itself fails: nothing it says afterwards would mean much. */
__attribute__((unused)) static void must(const char *what, long result)
{
	if (result == -1) {
		say("%s: %s", what, error_name(errno));
		_exit(90);
	}
}
#define MUST(call) (errno = 0, must(#call, (long)(call)))

__attribute__((unused)) static void become(uid_t id)
{
	MUST(setgroups(0, NULL));
	MUST(setgid(id));
	MUST(setuid(id));
}

/* Run a function as this user, in a child, and say how the child ended. */
__attribute__((unused)) static void as_id(const char *what, uid_t id, void (*fn)(void))
{
	pid_t pid = must_fork();

	if (pid == 0) {
		become(id);
		fn();
		_exit(0);
	}
	reap(what, pid);
}

__attribute__((unused)) static void as_user(const char *what, void (*fn)(void))
{
	as_id(what, USER, fn);
}

static cpu_set_t cpus_at_start;
__attribute__((constructor)) static void note_cpus(void)
{
	sched_getaffinity(0, sizeof(cpus_at_start), &cpus_at_start);
}

/* Bind this thread to one CPU, counted round those that the program may use. */
__attribute__((unused)) static void pin(int nth)
{
	cpu_set_t set;
	int cpu = -1;

	for (nth %= CPU_COUNT(&cpus_at_start); nth >= 0; nth--)
		while (!CPU_ISSET(++cpu, &cpus_at_start))
			;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	(void)sched_setaffinity(0, sizeof(set), &set);
}

/* A copy of this program, with this owner, group and mode. */
__attribute__((unused)) static void copy_self(const char *to, uid_t uid, gid_t gid, mode_t mode)
{
	static char buf[65536];
	int in = open("/proc/self/exe", O_RDONLY),
	    out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0700);
	ssize_t n;

	must(to, in < 0 ? -1 : out);
	while ((n = read(in, buf, sizeof(buf))) > 0)
		must(to, write(out, buf, n) == n ? 0 : -1);
	close(in);
	close(out);
	MUST(chown(to, uid, gid));
	MUST(chmod(to, mode));
}

/* A folder that everybody may search and only root may change. */
__attribute__((unused)) static void root_folder(const char *path)
{
	MUST(mkdir(path, 0755));
	MUST(chmod(path, 0755));
}
