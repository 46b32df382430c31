/* What the shell's own files share. */
#pragma once

#include "kernel/lib/command.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/scope.h"
#include "kernel/shell/parse.h"
#include "kernel/shell/puppet.h"

struct task;
struct wait_result;
struct mm;
struct pid;

#define STATUS_FAILED     1
#define STATUS_USAGE      2
#define STATUS_CANNOT_RUN 126
#define STATUS_UNKNOWN    127

/* ---- shell.c ---- */
/* Run one command of words; `background` when it ended in &. Returns its status. */
int shell_run_words(int argc, char **argv, bool background);
/* The command being run ended in &. */
bool shell_background(void);
/* ^C was typed since the last time; other input is kept for later. */
bool shell_interrupted(void);
const struct shell_command *shell_find_command(const char *name);
/* "fork: usage: fork", and the status 2. */
int shell_usage(const char *command);
/* Print the message; returns the status. */
int shell_error(int status, const char *fmt, ...) __printf(2, 3);
#define shell_fail(...) shell_error(STATUS_FAILED, __VA_ARGS__)

/* ---- arguments.c: each prints one line when the text is not what it should be ---- */
bool number_argument(const char *command, const char *text, u64 *out); /* negative ones wrap */
bool pid_argument(const char *command, const char *text,
		  pid_t *out); /* negative: a process group */

/* ---- complete.c ---- */
struct lineedit;
void shell_complete(struct lineedit *e);

/* ---- names.c ---- */
const char *signal_name(int sig);    /* "SIGTERM" */
int signal_number(const char *name); /* "TERM", "SIGTERM" or "15"; -1 when there is none */
/* The flag's bit, or 0. CLONE_STOPPED, which is no flag any more, is *stopped instead. */
u64 clone_flag(const char *name, bool *stopped);
void clone_flags_foreach(void (*fn)(const char *name, void *), void *arg);
/* "exited with status 3" or "was killed by SIGKILL". */
const char *describe_end(int wait_status, char *buf, size_t n);
int status_of_end(int wait_status); /* as a shell has it: 128 + signal */

/* ---- puppet.c ---- */
extern struct wait_queue
	puppet_events; /* woken whenever a puppet asks, ends or becomes another program */
extern struct list_head puppets;
extern spinlock_t puppets_lock;
int puppet_start(
	struct puppet **out); /* a fresh one, child of the caller, with a reference; 0 or -errno */
/* With a reference, or NULL. 0: the oldest that lives. */
struct puppet *puppet_find(pid_t pid);
void puppet_get(struct puppet *p);
void puppet_put(struct puppet *p); /* NULL is allowed */
SCOPED(puppet_put, struct puppet *)
struct task *puppet_task(struct puppet *p); /* with a reference; NULL when gone */
struct mm *puppet_get_mm(struct puppet *p); /* with a user reference; NULL when gone */
void puppet_give(struct puppet *p, const struct puppet_order *order);
void puppet_forget(struct puppet *p); /* takes a gone one off the list */

/* ---- puppet_call.c ---- */
enum call_end {
	CALL_DONE,        /* it asked for the next order: the result is there */
	CALL_BLOCKED,     /* asleep in the call */
	CALL_STOPPED,     /* stopped by a signal */
	CALL_GONE,        /* exited, or another program */
	CALL_INTERRUPTED, /* ^C while waiting */
};
struct call {
	struct puppet *p;  /* with a reference */
	struct task *task; /* with a reference */
	enum call_end end;
	long result;
	u64 seq; /* of the first trace record since the order was given */
};
/* The selected puppet, ready for an order, with a reference; or NULL after saying why not. */
struct puppet *puppet_ready(void);
/* Give an order, and wait until every puppet is at rest. */
void call_puppet(struct call *c, struct puppet *p, const struct puppet_order *order);
void call_finish(struct call *c); /* drops the references */
/* Both, for a caller that only wants to know how it ended. */
enum call_end order_puppet(struct puppet *p, const struct puppet_order *order, long *result);
/* call_puppet() for a system call, the result told unless it is a success and `quiet`. The result,
 * or -ERESTARTSYS if there is none. */
long call_simple(struct puppet *p, bool quiet, long nr, u64 a0, u64 a1, u64 a2, u64 a3);
bool wait_for_rest(void); /* false: ^C */
/* What became of puppets since the last time: released, killed, reaped; and a new selection if the
 * old one is gone. */
void puppets_news(void);
extern struct puppet *selected; /* with a reference; NULL: none yet */
int puppet_select(pid_t pid);
void print_result(const struct puppet *p, long nr, long result);
void tell_wait(struct puppet *p, long pid); /* cmd_make.c: a wait4 that found a child */

/* ---- jobs.c ---- */
/* Fresh descriptors on the console and a working directory of its own, for a kernel thread about to
 * become a program. */
int console_files(void);
/* A process group of its own, in the shell's session. Called by the child itself. */
void own_group(void);
/* The keyboard is the shell's, and no process group is in front. */
void shell_takes_terminal(void);
/* SIGCHLD as every program has it: a kernel thread starts with pid 1's handlers, which ignore it.
 */
void own_handlers(void);
/* Give the terminal to `task` until it ends or stops; `ready` (or NULL) is completed once it has
 * it. Its shell status. */
int run_in_foreground(struct task *task, struct completion *ready);
/* Remember a program, to tell its end or stop. */
void job_add(struct task *task);
void jobs_news(void);
extern const char *const shell_envp[];
extern struct wait_result last_program; /* the times of the last program that ended, for `time` */

/* ---- task_list.c ---- */
/* All tasks, each with a reference, in the order of their pids; freed by task_list_free(). NULL
 * without memory. */
struct task_list {
	size_t n;
	struct task **task;
};
int task_list_get(struct task_list *l);
void task_list_free(struct task_list *l);
/* Find the task named by a command's argument; NULL text: the selected puppet. 0, and *out has a
 * reference; or, after one line that says why not, the command's status. */
int task_of_argument(const char *command, const char *text, struct task **out);
