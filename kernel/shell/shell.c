/* The shell: a kernel thread that reads lines from the console and runs them. One thread runs one
 * line at a time: the shell's own, or a test that calls shell_execute() while the shell waits. So
 * the state here needs no lock. */
#include "kernel/shell/shell.h"

#include "boot/boot_info.h"
#include "kernel/lib/syscall.h"
#include "kernel/shell/lineedit.h"
#include "kernel/shell/report.h"
#include "kernel/trace/trace.h"
#include "kernel/tty/tty.h"
#include "mm/slab.h"

#define CTRL_C    3
#define TYPEAHEAD 4096 /* typed while a command ran */

static struct lineedit editor;
static int last_status;
static bool in_background; /* of the command that runs */

/* ---- input ---- */

static char ahead[TYPEAHEAD];
static size_t ahead_head, ahead_tail; /* counters: written and read */

static int shell_getc(void)
{
	if (ahead_tail != ahead_head)
		return ahead[ahead_tail++ % TYPEAHEAD];
	return console_getc();
}

bool shell_interrupted(void)
{
	while (console_poll_in() && ahead_head - ahead_tail < TYPEAHEAD) {
		char c = (char)console_getc();

		if (c == CTRL_C) {
			ahead_tail = ahead_head; /* drop what was typed before it */
			console_printf("^C\n");
			return true;
		}
		ahead[ahead_head++ % TYPEAHEAD] = c;
	}
	return false;
}

/* ---- commands ---- */

const struct shell_command *shell_find_command(const char *name)
{
	LINKER_SET_FOREACH(shell_commands, it)
	{
		if (strcmp((*it)->name, name) == 0)
			return *it;
	}
	return NULL;
}

int shell_usage(const char *command)
{
	const struct shell_command *c = shell_find_command(command);

	console_printf("%s: usage: %s\n", command, c ? c->usage : command);
	return STATUS_USAGE;
}

int shell_error(int status, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	console_printf("%s", text);
	return status;
}

bool shell_background(void)
{
	return in_background;
}

/* Parse "12:", which selects puppet 12 for one command. Returns the rest of the word, or NULL. */
static char *skip_prefix(char *word, pid_t *pid)
{
	char *colon = word_quoted(word) ? NULL : strchr(word, ':');
	size_t n = colon ? (size_t)(colon - word) : 0;
	char digits[12];
	u64 v;

	if (n == 0 || n >= sizeof(digits))
		return NULL;
	strlcpy(digits, word, n + 1);
	if (parse_u64(digits, &v) != 0 || v > PID_MAX_LIMIT)
		return NULL;
	*pid = (pid_t)v;
	return colon + 1;
}

static int run_addressed(pid_t pid, int argc, char **argv, bool background)
{
	struct puppet *before = selected, *one = puppet_find(pid);
	int status;

	if (one == NULL)
		return shell_fail("%d: there is no such puppet\n", pid);
	if (argc == 0) {
		puppet_put(one);
		return shell_error(STATUS_USAGE, "usage: PID: COMMAND\n");
	}
	selected = one;
	status = shell_run_words(argc, argv, background);
	/* Restore the old selection, unless the command was `select`. */
	if (selected == one) {
		selected = before;
		puppet_put(one);
	} else {
		puppet_put(before);
	}
	return status;
}

/* Run a command. A make-command is traced, so that the shell can report what happened. */
static int run_command(const struct shell_command *c, int argc, char **argv)
{
	bool make = strcmp(c->group, "make") == 0;
	int status;

	if (argc - 1 < c->least || argc - 1 > c->most)
		return shell_usage(c->name);
	if (make)
		trace_watch_begin();
	status = c->fn(argc, argv);
	if (make)
		trace_watch_end();
	return status;
}

int shell_run_words(int argc, char **argv, bool background)
{
	const struct shell_command *c;
	bool outer = in_background;
	char *rest;
	pid_t pid;
	int status;

	if (argc == 0)
		return last_status;
	rest = skip_prefix(argv[0], &pid);
	if (rest && *rest) { /* "12:fork" is the same as "12: fork" */
		char *prefixed = argv[0];

		argv[0] = rest;
		status = run_addressed(pid, argc, argv, background);
		argv[0] = prefixed; /* for `repeat` */
		return status;
	}
	if (rest)
		return run_addressed(pid, argc - 1, argv + 1, background);
	c = shell_find_command(strchr(argv[0], '/') ? "run" : argv[0]);
	if (c == NULL)
		return shell_error(
			STATUS_UNKNOWN,
			"%s: there is no such command: `help` lists them; `run NAME`, or its path, starts a program\n",
			argv[0]);
	in_background = background;
	status = run_command(c, argc, argv); /* `run` also takes a bare path */
	in_background = outer;
	return status;
}

int shell_execute(const char *line)
{
	struct shell_words *words = kmalloc(sizeof(*words));
	const char *rest = line;

	if (words == NULL)
		return last_status = shell_fail("no memory to run a command\n");
	while (*rest) {
		const char *error = parse_command(&rest, words);

		if (error) {
			console_printf("syntax: %s\n", error);
			last_status = STATUS_USAGE;
			break;
		}
		if (words->argc == 0)
			continue;
		last_status = shell_run_words(words->argc, words->argv, words->background);
		puppets_news();
		jobs_news();
		if (*rest && shell_interrupted()) {
			last_status = 128 + SIGINT;
			break;
		}
	}
	kfree(words);
	return last_status;
}

/* ---- the thread ---- */

/* Set SIGCHLD to its default: a kernel thread starts with pid 1's handlers, which ignore it. */
static void own_handlers(void)
{
	guard_irq(&current->sighand->lock);
	set_handler(current->sighand, SIGCHLD, (u64)SIG_DFL);
}

/* Read a line into the editor; false if there is nothing to run. */
static bool read_line(void)
{
	char prompt[32];

	if (last_status)
		snprintf(prompt, sizeof(prompt), "bident [%d]> ", last_status);
	else
		strlcpy(prompt, "bident> ", sizeof(prompt));
	if (!arch_console_at_line_start())
		console_printf("\n");
	edit_begin(&editor, prompt);
	for (;;) {
		switch (edit_feed(&editor, (char)shell_getc())) {
		case EDIT_DONE:
			return true;
		case EDIT_CANCEL:
			last_status = 128 + SIGINT;
			return false;
		case EDIT_EOF:
			console_printf("\nthis shell has no end; `poweroff` ends the machine\n");
			return false;
		case EDIT_TAB:
			shell_complete(&editor);
			break;
		case EDIT_MORE:
			break;
		}
	}
}

static void greet(void)
{
	puppets_news(); /* makes the first puppet */
	pr_info("shell: ready %lu cycles after the loader\n", cycles_since_entry());
	console_printf("\nBident: a kernel about fork. Type `help`, or `fork` and then `tree`.\n");
	if (!arch_has_keyboard())
		console_printf(
			"No keyboard was found: %swhat is typed can come from the serial port only.\n",
			arch_has_usb() ? "until a USB keyboard is plugged in, " : "");
	if (selected)
		console_printf("Puppet %d is yours: a user-mode program that does what you type.\n",
			       selected->pid);
}

int shell_main(void *first_line)
{
	static char line[SHELL_LINE_MAX];

	editor.out = arch_console_write;
	own_handlers();
	sys_setsid(); /* the session of all programs started here: for job control */
	shell_takes_terminal();
	report_init();
	greet();
	shell_execute(first_line);
	for (;;) {
		if (!read_line())
			continue;
		strlcpy(line, editor.buf, sizeof(line));
		shell_execute(line);
	}
}
