/* What the shell's own files share. */
#pragma once

#include "kernel/lib/command.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/string.h"
#include "kernel/shell/parse.h"
#include "kernel/shell/puppet.h"

#define STATUS_FAILED     1
#define STATUS_USAGE      2
#define STATUS_CANNOT_RUN 126
#define STATUS_UNKNOWN    127

/* ---- shell.c ---- */
/* Run one command of words; `background`: it ended in &. Returns its status. */
int shell_run_words(int argc, char **argv, bool background);
bool shell_background(void);  /* did the running command end in &? */
bool shell_interrupted(void); /* was ^C typed since the last call? Other input is kept */
const struct shell_command *shell_find_command(const char *name);
void help_groups_foreach(void (*fn)(const char *group, void *), void *arg); /* cmd_system.c */
int shell_usage(const char *command); /* print the usage; returns status 2 */
/* Print the message; returns `status`. */
int shell_error(int status, const char *fmt, ...) __printf(2, 3);
#define shell_fail(...) shell_error(STATUS_FAILED, __VA_ARGS__)

/* ---- arguments.c: each prints one line and returns false if the text is wrong ---- */
bool number_argument(const char *command, const char *text, u64 *out);
bool parse_word(const char *text, u64 *out); /* the same without the line; negative ones wrap */
/* A negative pid is a process group. */
bool pid_argument(const char *command, const char *text, pid_t *out);

/* ---- complete.c ---- */
struct lineedit;
void shell_complete(struct lineedit *e);

/* ---- names.c ---- */
const char *signal_name(int sig);    /* "SIGTERM" */
int signal_number(const char *name); /* "TERM", "SIGTERM" or "15"; -1 if there is none */
/* The flag's bit, or 0. CLONE_STOPPED, which Linux has no longer, sets *stopped instead. */
u64 clone_flag(const char *name, bool *stopped);
void clone_flags_foreach(void (*fn)(const char *name, void *), void *arg);
/* "exited with status 3" or "was killed by SIGKILL". */
const char *describe_end(int wait_status, char *buf, size_t n);
int status_of_end(int wait_status); /* as in a shell: 128 + signal */

/* ---- cmd_ptrace.c ---- */
void ptrace_words_foreach(void (*fn)(const char *word, void *), void *arg);

/* ---- call_text.c ---- */
/* A call as strace shows it, 'openat(-100, "/etc/passwd", 0, 0)'; `strings`: its first two
 * arguments that are strings (empty: not known), or NULL. */
void call_text(char *buf, size_t n, long nr, const u64 *args, const char *const strings[2]);
const char *result_text(char *buf, size_t n, long result); /* "3", "-1 ENOENT" */

/* ---- puppet.c ---- */
/* Woken when a puppet asks for an order, ends or becomes another program. */
extern struct wait_queue puppet_events;
extern struct list_head puppets;
extern spinlock_t puppets_lock;
/* Start a puppet as child of the caller. 0, and *out has a reference; or -errno. */
int puppet_start(struct puppet **out);
/* Find a puppet, or the oldest live one if pid is 0. With a reference, or NULL. */
struct puppet *puppet_find(pid_t pid);
void puppet_get(struct puppet *p);
void puppet_put(struct puppet *p); /* NULL is allowed */
SCOPED(puppet_put, struct puppet *)
struct task *puppet_task(struct puppet *p); /* with a reference; NULL if gone */
struct mm *puppet_get_mm(struct puppet *p); /* with a user reference; NULL if gone */
void puppet_give(struct puppet *p, const struct puppet_order *order);
void puppet_forget(struct puppet *p); /* take a gone puppet off the list */

/* ---- puppet_call.c ---- */
enum call_end {
	CALL_DONE,        /* the puppet asked for the next order: there is a result */
	CALL_BLOCKED,     /* asleep in the call */
	CALL_STOPPED,     /* stopped by a signal, or for its tracer */
	CALL_GONE,        /* exited, or became another program */
	CALL_INTERRUPTED, /* ^C while waiting */
};
struct call {
	struct puppet *p;  /* with a reference */
	struct task *task; /* with a reference */
	enum call_end end;
	long result;
	u64 seq; /* of the first trace record since the order was given */
};
/* The selected puppet, with a reference, if it is ready for an order; else print why not: NULL. */
struct puppet *puppet_ready(void);
/* Give an order, and wait until every puppet is at rest. */
void call_puppet(struct call *c, struct puppet *p, const struct puppet_order *order);
void call_finish(struct call *c); /* drops the references */
/* Both, for a caller that needs only the end and the result. */
enum call_end order_puppet(struct puppet *p, const struct puppet_order *order, long *result);
/* Order a system call. Prints the result, unless `quiet` and a success. -ERESTARTSYS: none yet. */
long call_simple(struct puppet *p, bool quiet, long nr, u64 a0, u64 a1, u64 a2, u64 a3);
bool wait_for_rest(void); /* false: ^C */
/* Print what became of puppets since the last call, and select another if the old one is gone. */
void puppets_news(void);
extern struct puppet *selected; /* with a reference; NULL: none yet */
int puppet_select(pid_t pid);
void print_result(const struct puppet *p, long nr, long result);
void tell_wait(struct puppet *p, long pid); /* tracer.c: a wait4 that found a child */

/* ---- tracer.c ---- */
#define PUPPET_ANSWER (PUPPET_SCRATCH + 64) /* where ptrace(2) puts what a puppet asks for */
bool puppet_read(struct puppet *p, u64 addr, void *buf, size_t n);
/* Order ptrace(2). Returns its result, or -ERESTARTSYS: none yet. */
long order_ptrace(struct puppet *p, long request, pid_t pid, u64 addr, u64 data);
/* Puppets that trace wait for the stops of their tracees, and say what they saw. */
void tracers_news(void);
bool stopped_for_tracer(const struct task *t);

/* ---- jobs.c ---- */
/* Called by a kernel thread that is to become a program: open its own descriptors on the console,
 * and a working directory; make its own process group, in the shell's session. */
int console_files(void);
void own_group(void);
/* Give the keyboard to the shell; no process group is in the foreground. */
void shell_takes_terminal(void);
/* Give the terminal to `task` until it ends or stops; `ready` (or NULL) is completed once it has
 * it. Returns its shell status. */
int run_in_foreground(struct task *task, struct completion *ready);
/* Remember a program, to report its end or stop. */
void job_add(struct task *task);
void jobs_news(void);
extern const char *const shell_envp[];
extern struct wait_result last_program; /* the times of the last program that ended, for `time` */

/* ---- task_list.c ---- */
/* All tasks, each with a reference, sorted by pid. */
struct task_list {
	size_t n;
	struct task **task;
};
int task_list_get(struct task_list *l); /* 0 or -ENOMEM */
void task_list_free(struct task_list *l);
/* Find the task named by a command's argument; NULL text: the selected puppet. 0, and *out has a
 * reference; or, after printing why not, the command's status. */
int task_of_argument(const char *command, const char *text, struct task **out);
