/* Process groups and sessions: setpgid(2), setsid(2), and signals to groups. */
#include "check.h"

static const char *program;

static void check_setpgid(void)
{
	struct gate go = gate_make();
	pid_t pid = must_fork();

	if (pid == 0) {
		gate_wait(&go);
		TRUTH(getpgrp() == getpid());
		_exit(0);
	}
	TRUTH(getpgid(pid) == getpgrp());
	RESULT(setpgid(pid, 0));
	TRUTH(getpgid(pid) == pid);
	RESULT(setpgid(pid, pid));
	gate_open(&go);
	reap("member", pid);
}

static void check_setpgid_errors(void)
{
	pid_t stranger = 999999;

	RESULT(setpgid(0, -1));
	RESULT(setpgid(-1, 0));
	RESULT(setpgid(stranger, 0));
	RESULT(setpgid(getppid(), 0));
	RESULT(getpgid(stranger));
	RESULT(getsid(stranger));
	RESULT(getpgid(-1));
	pid_t pid = must_fork();
	if (pid == 0) {
		/* A group that does not exist in this session. */
		RESULT(setpgid(0, 888888));
		/* A session leader stays where it is. */
		say("setsid: %s", setsid() == getpid() ? "ok" : "WRONG");
		RESULT(setpgid(0, 0));
		RESULT(setsid());
		_exit(0);
	}
	reap("errors", pid);
}

static void check_after_exec(void)
{
	struct gate ready = gate_make();
	pid_t pid = must_fork();

	if (pid == 0) {
		dup2(ready.fd[1], 3);
		execl(program, program, "pause", (char *)NULL);
		_exit(1);
	}
	gate_wait(&ready);
	RESULT(setpgid(pid, 0)); /* EACCES: it runs another program by now */
	kill(pid, SIGTERM);
	reap("pauser", pid);
}

static void check_other_session(void)
{
	struct gate ready = gate_make(), done = gate_make();
	pid_t pid = must_fork();

	if (pid == 0) {
		setsid();
		gate_open(&ready);
		gate_wait(&done);
		_exit(0);
	}
	gate_wait(&ready);
	TRUTH(getsid(pid) == pid);
	TRUTH(getpgid(pid) == pid);
	RESULT(setpgid(pid, getpgrp())); /* EPERM: not in our session */
	pid_t other = must_fork();
	if (other == 0) {
		RESULT(setpgid(0, pid)); /* EPERM: that group is in another session */
		_exit(0);
	}
	reap("other", other);
	gate_open(&done);
	reap("session leader", pid);
}

static void check_group_leader_setsid(void)
{
	setpgid(0, 0);
	RESULT(setsid()); /* EPERM for the leader of a group */
	pid_t pid = must_fork();
	if (pid == 0) {
		say("setsid of a member: %s", setsid() == getpid() ? "ok" : "WRONG");
		TRUTH(getsid(0) == getpid());
		TRUTH(getpgrp() == getpid());
		_exit(0);
	}
	reap("member", pid);
}

static void check_kill_group(void)
{
	pid_t pid[3];

	for (int i = 0; i < 3; i++) {
		pid[i] = must_fork();
		if (pid[i] == 0)
			for (;;)
				pause();
		setpgid(pid[i], pid[0]);
	}
	RESULT(kill(-pid[0], 0));
	RESULT(kill(-pid[0], SIGUSR1));
	for (int i = 0; i < 3; i++)
		reap("member", pid[i]);
	say_whether("kill of an empty group", kill(-pid[0], 0));
}

static void kill_own_group(void)
{
	setpgid(0, 0);
	pid_t pid = must_fork();
	if (pid == 0)
		for (;;)
			pause();
	signal(SIGTERM, SIG_IGN);
	RESULT(kill(0, SIGTERM));
	reap("child in our group", pid);
}

/* The last link of a stopped group to its session goes: it gets SIGHUP and SIGCONT. */
static void check_orphaned_group(void)
{
	struct gate stopped = gate_make();
	struct gate alive = gate_make();
	pid_t middle = must_fork();

	if (middle == 0) {
		setsid(); /* whoever adopts the leaf is in another session */
		pid_t leaf = must_fork();
		if (leaf == 0) {
			setpgid(0, 0);
			close(alive.fd[0]);
			raise(SIGSTOP);
			/* SIGHUP kills before this is reached. */
			say("survived SIGHUP");
			_exit(0);
		}
		int status;
		waitpid(leaf, &status, WUNTRACED);
		say_status("leaf", status);
		gate_open(&stopped);
		_exit(0);
	}
	gate_wait(&stopped);
	close(alive.fd[1]);
	reap("middle", middle);
	char c;
	/* End of file: nobody holds the writing end, so the leaf died. */
	say("leaf's end of the pipe: %s", read(alive.fd[0], &c, 1) == 0 ? "closed" : "STILL OPEN");
}

/* SIGTSTP does nothing to an orphaned group, SIGSTOP does. */
static void check_orphaned_stop(void)
{
	pid_t pid = must_fork();

	if (pid == 0) {
		setsid();
		RESULT(raise(SIGTSTP));
		RESULT(raise(SIGTTIN));
		say("not stopped");
		raise(SIGSTOP);
		say("continued");
		_exit(0);
	}
	int status;
	waitpid(pid, &status, WUNTRACED);
	say_status("orphaned", status);
	kill(pid, SIGCONT);
	reap("orphaned", pid);
}

int main(int argc, char **argv)
{
	program = argv[0];
	if (argc == 2) {
		if (write(3, "x", 1) != 1)
			return 1;
		for (;;)
			pause();
	}
	check_setpgid();
	check_setpgid_errors();
	check_after_exec();
	check_other_session();
	in_child("group leader", check_group_leader_setsid);
	check_kill_group();
	in_child("own group", kill_own_group);
	check_orphaned_group();
	check_orphaned_stop();
	return 0;
}
