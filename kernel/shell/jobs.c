/* Running programs: the one with the terminal, and those in the background. */
#include "kernel/fs/fs.h"
#include "kernel/lib/syscall.h"
#include "kernel/shell/shell.h"
#include "kernel/time/timer.h"
#include "kernel/tty/tty.h"
#include "kernel/wait.h"

#define MAX_JOBS 32
#define POLL_NS  (2 * NSEC_PER_MSEC)

static struct job {
	pid_t pid;         /* 0: free */
	struct task *task; /* with a reference */
	bool ours;         /* the shell's child, which it reaps; else it only watches the task */
	bool stopped;
	char name[TASK_COMM_LEN];
} jobs[MAX_JOBS];

const char *const shell_envp[] = {"PATH=/bin:/sbin:/usr/bin:/usr/sbin", "HOME=/", "TERM=linux",
				  "USER=root", NULL};

int console_files(void)
{
	return new_resources() ?: files_open_console(current->files);
}

void own_group(void)
{
	sys_setpgid(0, 0); /* cannot fail: a fresh task, in its parent's session */
}

static struct job *job_of(pid_t pid)
{
	for (size_t i = 0; i < MAX_JOBS; i++)
		if (jobs[i].pid == pid)
			return &jobs[i];
	return NULL;
}

static void job_free(struct job *j)
{
	put_task(j->task);
	j->pid = 0;
}

void job_add(struct task *t)
{
	struct job *j = job_of(t->pid_nr);

	if (j && j->task == t)
		return;
	if (j) /* another task has the pid now, and the old one's end was never reported */
		job_free(j);
	j = job_of(0);
	if (j == NULL) { /* it runs, but its end is not reported */
		console_printf("[%d] too many jobs to remember this one\n", t->pid_nr);
		return;
	}
	get_task(t);
	j->task = t;
	j->pid = t->pid_nr;
	j->ours = t->real_parent == current;
	j->stopped = false;
	strlcpy(j->name, t->comm, sizeof(j->name));
}

/* ---- waiting ---- */

struct wait_result last_program;

/* Wait for the end or stop of a child. Returns as do_wait(). */
static long wait_child(pid_t pid, int options, struct wait_result *r)
{
	return do_wait(PIDTYPE_PID, pid, options | WEXITED | WSTOPPED | __WALL, r);
}

static bool is_stop(const struct wait_result *r)
{
	return r->code == CLD_STOPPED;
}

static int tell_stopped(struct task *t)
{
	struct job *j;

	job_add(t);
	j = job_of(t->pid_nr);
	if (j)
		j->stopped = true;
	console_printf("\n[%d] stopped: %s (`fg %d` or `bg %d`)\n", t->pid_nr, t->comm, t->pid_nr,
		       t->pid_nr);
	return 128 + SIGTSTP;
}

static int tell_ended(pid_t pid, int wait_status)
{
	struct job *j = job_of(pid);
	char how[48];

	if (j)
		job_free(j);
	if (wait_status & 0x7f)
		console_printf("%s[%d] %s\n", (wait_status & 0x7f) == SIGINT ? "\n" : "", pid,
			       describe_end(wait_status, how, sizeof(how)));
	return status_of_end(wait_status);
}

static int wait_ours(struct task *t)
{
	long got;

	do
		got = wait_child(t->pid_nr, 0, &last_program);
	while (got == -ERESTARTSYS);
	if (got < 0)
		return tell_ended(t->pid_nr, t->exit_code); /* already reaped */
	return is_stop(&last_program) ? tell_stopped(t)
				      : tell_ended(t->pid_nr, last_program.status);
}

/* Watch a puppet's child that became a program: its parent reaps it. */
static int watch_other(struct task *t)
{
	while (!READ_ONCE(t->exit_state)) {
		if (READ_ONCE(t->state) == TASK_STOPPED)
			return tell_stopped(t);
		sleep_ns(POLL_NS);
	}
	return tell_ended(t->pid_nr, t->exit_code);
}

/* ---- the terminal ---- */

/* Make t's session the terminal's, and its group the foreground group. */
static void give_terminal(struct task *t)
{
	struct pid *session, *group;

	spin_lock(&tasklist_lock);
	if (t->exit_state) {
		spin_unlock(&tasklist_lock);
		return;
	}
	session = get_pid(t->group_leader->pids[PIDTYPE_SID]);
	group = get_pid(t->group_leader->pids[PIDTYPE_PGID]);
	t->signal->tty = &console_tty;
	spin_unlock(&tasklist_lock);
	tty_set_foreground(&console_tty, session, group);
	put_pid(session);
	put_pid(group);
}

void shell_takes_terminal(void)
{
	console_set_owner(true);
	tty_set_foreground(&console_tty, current->group_leader->pids[PIDTYPE_SID], NULL);
}

int run_in_foreground(struct task *t, struct completion *ready)
{
	struct termios2 saved;
	bool ours = t->real_parent == current;
	int status;

	tty_get_termios(&console_tty, &saved);
	give_terminal(t);
	console_set_owner(false);
	if (ready)
		complete(ready);
	status = ours ? wait_ours(t) : watch_other(t);
	shell_takes_terminal();
	tty_set_termios(&console_tty, &saved);
	return status;
}

/* ---- news, fg and bg ---- */

static void job_ended(struct job *j, int wait_status)
{
	char how[48];

	console_printf("[%d] %s %s\n", j->pid, j->name,
		       describe_end(wait_status, how, sizeof(how)));
	job_free(j);
}

static void watched_news(struct job *j)
{
	bool stopped = READ_ONCE(j->task->state) == TASK_STOPPED;

	if (READ_ONCE(j->task->exit_state)) {
		job_ended(j, j->task->exit_code);
		return;
	}
	if (stopped && !j->stopped)
		console_printf("[%d] stopped: %s\n", j->pid, j->name);
	j->stopped = stopped;
}

static void our_news(struct job *j)
{
	struct wait_result r;
	long got = wait_child(j->pid, WNOHANG, &r);

	if (got == 0 || got == -ERESTARTSYS)
		return;
	if (got < 0) {
		job_free(j);
	} else if (is_stop(&r)) {
		j->stopped = true;
		console_printf("[%d] stopped: %s\n", j->pid, j->name);
	} else {
		job_ended(j, r.status);
	}
}

void jobs_news(void)
{
	for (size_t i = 0; i < MAX_JOBS; i++)
		if (jobs[i].pid && jobs[i].ours)
			our_news(&jobs[i]);
		else if (jobs[i].pid)
			watched_news(&jobs[i]);
}

/* Find the job for fg or bg; NULL text: the last one. Returns as task_of_argument(). */
static int job_argument(const char *command, const char *text, struct task **out)
{
	int status;

	if (text == NULL) {
		for (size_t i = MAX_JOBS; i-- > 0;)
			if (jobs[i].pid && (*out = find_get_task(jobs[i].pid)) != NULL)
				return 0;
		return shell_fail("%s: there is no job\n", command);
	}
	status = task_of_argument(command, text, out);
	if (status == 0 && ((*out)->attached || ((*out)->flags & PF_KTHREAD))) {
		status = shell_fail("%s: %d is no program\n", command, (*out)->pid_nr);
		put_task(*out);
		*out = NULL;
	}
	return status;
}

static void continue_job(struct task *t)
{
	struct job *j = job_of(t->pid_nr);
	struct pid *group;

	spin_lock(&tasklist_lock);
	group = t->exit_state ? NULL : get_pid(t->group_leader->pids[PIDTYPE_PGID]);
	spin_unlock(&tasklist_lock);
	if (group)
		kill_pgrp(group, SIGCONT, NULL);
	put_pid(group);
	if (j)
		j->stopped = false;
}

SHELL_COMMAND(fg, "run", 0, 1, "fg [PID]",
	      "give the terminal to a program, and continue it if it was stopped")
{
	struct task *t scoped(put_task) = NULL;
	int status = job_argument("fg", argv[1], &t);

	if (status)
		return status;
	give_terminal(t);
	continue_job(t);
	return run_in_foreground(t, NULL);
}

SHELL_COMMAND(bg, "run", 0, 1, "bg [PID]", "continue a stopped program without the terminal")
{
	struct task *t scoped(put_task) = NULL;
	int status = job_argument("bg", argv[1], &t);

	if (!status)
		continue_job(t);
	return status;
}

SHELL_COMMAND(jobs, "run", 0, 0, "jobs", "the programs started with & or stopped")
{
	jobs_news();
	for (size_t i = 0; i < MAX_JOBS; i++)
		if (jobs[i].pid)
			console_printf("[%d] %s %s\n", jobs[i].pid,
				       jobs[i].stopped ? "stopped" : "running", jobs[i].name);
	return 0;
}
