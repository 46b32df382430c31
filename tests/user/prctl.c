/* What a process decides about itself: prctl, personality; ids in all their roles; capabilities. */
#include "check.h"

#include <linux/capability.h>
#include <sys/personality.h>
#include <sys/prctl.h>

#define PRCTL(...) RESULT(prctl(__VA_ARGS__))

/* ---- death of the parent ---- */

static int got_pdeath = -1;

static void on_usr1(int sig)
{
	got_pdeath = sig;
}

/* The middle process ends; its child hears of it. */
static void death_signal(void)
{
	struct gate ready = gate_make(), done = gate_make();
	pid_t middle = must_fork();

	if (middle == 0) {
		pid_t parent = getpid(), child;

		PRCTL(PR_SET_PDEATHSIG, SIGUSR2, 0, 0, 0);
		child = must_fork();
		if (child == 0) {
			int sig = -1;

			signal(SIGUSR1, on_usr1);
			PRCTL(PR_GET_PDEATHSIG, &sig, 0, 0, 0);
			say("not inherited: %d", sig);
			PRCTL(PR_SET_PDEATHSIG, SIGUSR1, 0, 0, 0);
			PRCTL(PR_GET_PDEATHSIG, &sig, 0, 0, 0);
			say("set: %d", sig);
			gate_open(&ready);
			while (got_pdeath < 0)
				usleep(1000);
			say("heard %s, another parent: %s", signal_name(got_pdeath),
			    getppid() != parent ? "yes" : "NO");
			gate_open(&done);
			_exit(0);
		}
		gate_wait(&ready);
		_exit(0);
	}
	gate_wait(&done);
	reap("middle", middle);
}

static void death_signal_errors(void)
{
	int sig = -1;

	PRCTL(PR_SET_PDEATHSIG, 65, 0, 0, 0);
	PRCTL(PR_SET_PDEATHSIG, -1, 0, 0, 0);
	PRCTL(PR_SET_PDEATHSIG, 64, 0, 0, 0);
	PRCTL(PR_GET_PDEATHSIG, 1, 0, 0, 0);
	if (setuid(1000))
		_exit(1);
	PRCTL(PR_GET_PDEATHSIG, &sig, 0, 0, 0);
	say("after a change of ids: %d", sig);
}

/* ---- orphans ---- */

static void orphan_of(pid_t reaper)
{
	struct gate g = gate_make();
	pid_t middle = must_fork();

	if (middle == 0) {
		pid_t parent = getpid();

		if (must_fork() == 0) {
			while (getppid() == parent)
				usleep(1000);
			say("the orphan's parent is the subreaper: %s",
			    getppid() == reaper ? "yes" : "no");
			gate_open(&g);
			_exit(7);
		}
		_exit(0);
	}
	gate_wait(&g);
	reap("middle", middle);
}

static void subreaper(void)
{
	int on = -1, status = 0;

	PRCTL(PR_GET_CHILD_SUBREAPER, &on, 0, 0, 0);
	say("at first: %d", on);
	PRCTL(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	PRCTL(PR_GET_CHILD_SUBREAPER, &on, 0, 0, 0);
	say("set: %d", on);
	orphan_of(getpid());
	WHETHER(wait(&status));
	say_status("the orphan", status);
	pid_t child = must_fork();
	if (child == 0) {
		PRCTL(PR_GET_CHILD_SUBREAPER, &on, 0, 0, 0);
		say("inherited: %d", on);
		orphan_of(getppid()); /* the grandparent takes it */
		_exit(0);
	}
	reap("child", child);
	WHETHER(wait(&status));
	say_status("the orphan of the child", status);
	PRCTL(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
	orphan_of(getpid());
	RESULT(wait(&status));
}

/* ---- flags ---- */

static void flags(void)
{
	PRCTL(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
	PRCTL(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0);
	PRCTL(PR_SET_NO_NEW_PRIVS, 2, 0, 0, 0);
	PRCTL(PR_SET_NO_NEW_PRIVS, 1, 1, 0, 0);
	PRCTL(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	PRCTL(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
	PRCTL(PR_GET_NO_NEW_PRIVS, 1, 0, 0, 0);
	pid_t child = must_fork();
	if (child == 0) {
		PRCTL(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
		_exit(0);
	}
	reap("inherits", child);
	PRCTL(PR_GET_DUMPABLE, 0, 0, 0, 0);
	PRCTL(PR_SET_DUMPABLE, 0, 0, 0, 0);
	PRCTL(PR_GET_DUMPABLE, 0, 0, 0, 0);
	PRCTL(PR_SET_DUMPABLE, 2, 0, 0, 0);
	PRCTL(PR_SET_DUMPABLE, 1, 0, 0, 0);
	PRCTL(PR_GET_KEEPCAPS, 0, 0, 0, 0);
	PRCTL(PR_SET_KEEPCAPS, 2, 0, 0, 0);
	PRCTL(PR_GET_TIMING, 0, 0, 0, 0);
	PRCTL(PR_SET_TIMING, 1, 0, 0, 0);
	PRCTL(PR_GET_TIMERSLACK, 0, 0, 0, 0);
	PRCTL(PR_SET_TIMERSLACK, 12345, 0, 0, 0);
	child = must_fork();
	if (child == 0) {
		PRCTL(PR_GET_TIMERSLACK, 0, 0, 0, 0);
		PRCTL(PR_SET_TIMERSLACK, 99, 0, 0, 0);
		PRCTL(PR_SET_TIMERSLACK, 0, 0, 0, 0);
		PRCTL(PR_GET_TIMERSLACK, 0, 0, 0, 0);
		_exit(0);
	}
	reap("slack", child);
	PRCTL(PR_CAPBSET_READ, 1000, 0, 0, 0);
	PRCTL(PR_GET_SECUREBITS, 0, 0, 0, 0);
	PRCTL(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, 1, 0, 0);
	PRCTL(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 1000, 0, 0);
	PRCTL(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	PRCTL(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 1, 0, 0);
	PRCTL(123456, 0, 0, 0, 0);
}

static void dumpable_and_ids(void)
{
	if (setuid(1000))
		_exit(1);
	PRCTL(PR_GET_DUMPABLE, 0, 0, 0, 0);
	PRCTL(PR_CAPBSET_DROP, 1, 0, 0, 0);
	PRCTL(PR_SET_SECUREBITS, 1, 0, 0, 0);
	PRCTL(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 1, 0, 0);
}

static void persona(void)
{
	RESULT(personality(0xffffffff) & ~ADDR_NO_RANDOMIZE);
	RESULT(personality(ADDR_NO_RANDOMIZE) & ~ADDR_NO_RANDOMIZE);
	RESULT(personality(0xffffffff));
	pid_t child = must_fork();
	if (child == 0) {
		RESULT(personality(0xffffffff));
		_exit(0);
	}
	reap("inherits", child);
	RESULT(personality(0));
	RESULT(personality(0xffffffff));
}

/* ---- ids ---- */

static void show_ids(const char *what, long result)
{
	unsigned int r, e, s;

	syscall(SYS_getresuid, &r, &e, &s);
	say("%s: %s -> %u %u %u, fs %ld", what, result ? error_name(errno) : "ok", r, e, s,
	    syscall(SYS_setfsuid, -1));
}
#define UID(call, ...) show_ids(#call " " #__VA_ARGS__, syscall(SYS_##call, __VA_ARGS__))

static void user_ids(void)
{
	UID(setresuid, 1, 2, 3); /* no root any more */
	UID(setresuid, 3, -1, -1);
	UID(setresuid, -1, 4, -1);
	UID(setreuid, 2, 1);
	UID(setreuid, -1, 3);
	UID(setuid, 2);
	UID(setuid, 9);
	UID(setreuid, 9, -1);
	UID(setresuid, 2, 2, 2);
}

static void root_ids(void)
{
	UID(setreuid, 5, 0);
	UID(setreuid, -1, 7);
	UID(setreuid, 7, 0);
	UID(setreuid, 0, 5);
	UID(setresuid, -1, 0, -1);
	UID(setuid, 6);
	UID(setuid, 0);
}

static void fs_ids(void)
{
	RESULT(syscall(SYS_setfsuid, 11));
	RESULT(syscall(SYS_setfsuid, -1));
	RESULT(syscall(SYS_setfsgid, 12));
	RESULT(syscall(SYS_setfsgid, -1));
	if (syscall(SYS_setresuid, 20, 21, 22))
		_exit(1);
	RESULT(syscall(SYS_setfsuid, 30));
	RESULT(syscall(SYS_setfsuid, 20));
	RESULT(syscall(SYS_setfsuid, -1));
}

static void group_ids(void)
{
	unsigned int r, e, s;

	RESULT(syscall(SYS_setresgid, 1, 2, 3));
	RESULT(syscall(SYS_getresgid, &r, &e, &s));
	say("%u %u %u", r, e, s);
	if (setuid(1000))
		_exit(1);
	RESULT(syscall(SYS_setresgid, 4, -1, -1));
	RESULT(syscall(SYS_setregid, 2, 1));
	RESULT(syscall(SYS_getresgid, &r, &e, &s));
	say("%u %u %u", r, e, s);
	RESULT(syscall(SYS_getresgid, &r, &e, 8));
}

/* ---- capabilities: a container's root may have fewer, so only whether there are any ---- */

static void show_caps(const char *what)
{
	struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct d[2] = {};
	long err = syscall(SYS_capget, &h, d);

	say("%s: %ld: effective %s, permitted %s, inheritable %s", what, err,
	    d[0].effective ? "some" : "none", d[0].permitted ? "some" : "none",
	    d[0].inheritable ? "some" : "none");
}

static void capabilities(void)
{
	struct __user_cap_header_struct h = {.version = 0x12345};
	struct __user_cap_data_struct d[2] = {};

	RESULT(syscall(SYS_capget, &h, d));
	TRUTH(h.version == _LINUX_CAPABILITY_VERSION_3);
	h.version = 7;
	RESULT(syscall(SYS_capget, &h, NULL));
	RESULT(syscall(SYS_capget, &h, NULL));
	h.pid = -1;
	RESULT(syscall(SYS_capget, &h, d));
	h.pid = 0x3fffff;
	RESULT(syscall(SYS_capget, &h, d));
	RESULT(syscall(SYS_capset, &h, d));
	RESULT(syscall(SYS_capget, NULL, d));
	h.pid = 0;
	show_caps("root");
	RESULT(syscall(SYS_capget, &h, d));
	RESULT(syscall(SYS_capset, &h, d)); /* what it has already */
	d[0].permitted = 0;
	RESULT(syscall(SYS_capset, &h, d)); /* effective without permitted */
	if (syscall(SYS_setresuid, -1, 1000, -1))
		_exit(1);
	show_caps("root that acts as a user");
	if (syscall(SYS_setresuid, -1, 0, -1))
		_exit(1);
	show_caps("root again");
	if (setuid(1000))
		_exit(1);
	show_caps("user");
	d[0].permitted = 1;
	d[0].effective = 0;
	RESULT(syscall(SYS_capset, &h, d));
	RESULT(syscall(SYS_capset, &h, 8));
}

/* Root that has given up all capabilities is refused what only root may do. */
static void check_without_capabilities(void)
{
	struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct d[2] = {};
	pid_t pid = must_fork();

	if (pid == 0) {
		RESULT(syscall(SYS_capset, &h, d));
		RESULT(chroot("/"));
		RESULT(sethostname("x", 1));
		RESULT(setuid(1000));
		d[0].effective = d[0].permitted = 1;
		RESULT(syscall(SYS_capset, &h, d));
		_exit(0);
	}
	reap("without capabilities", pid);
}

int main(void)
{
	death_signal();
	in_child("death signal, errors", death_signal_errors);
	in_child("subreaper", subreaper);
	in_child("flags", flags);
	in_child("dumpable", dumpable_and_ids);
	in_child("personality", persona);
	in_child("user ids", user_ids);
	in_child("root ids", root_ids);
	in_child("fs ids", fs_ids);
	in_child("group ids", group_ids);
	in_child("capabilities", capabilities);
	check_without_capabilities();
	return 0;
}
