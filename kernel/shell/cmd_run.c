/* Running programs: run (or a bare path), time, repeat. */
#include "kernel/exec/exec.h"
#include "kernel/fork.h"
#include "kernel/fs/fs.h"
#include "kernel/shell/shell.h"
#include "kernel/time/timer.h"
#include "kernel/wait.h"

/* On the stack of the shell, which waits until the program is loaded or has failed. */
struct program {
	char path[256];
	char **argv;
	long error;
	struct completion has_group, may_start, loaded;
};

/* Body of the thread that becomes the program; it returns to user mode. */
static int become_program(void *arg)
{
	struct program *prog = arg;
	long err = console_files();

	own_group();
	complete(&prog->has_group);
	wait_for_completion(&prog->may_start); /* in the foreground: until it has the terminal */
	if (!err)
		err = kernel_execve(prog->path, (const char *const *)prog->argv, shell_envp);
	prog->error = err;
	complete(&prog->loaded);
	if (err)
		do_exit((err == -ENOENT ? STATUS_UNKNOWN : STATUS_CANNOT_RUN) << 8);
	return 0;
}

/* A name without a slash is searched in the directories of PATH. */
static bool find_program(char *path, size_t n, const char *name)
{
	static const char *const dirs[] = {"/bin", "/sbin", "/usr/bin", "/usr/sbin"};

	if (strchr(name, '/')) {
		strlcpy(path, name, n);
		return strlen(name) < n;
	}
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		snprintf(path, n, "%s/%s", dirs[i], name);
		if (kernel_path_exists(path))
			return true;
	}
	return false;
}

/* Start the thread. Returns it with a reference; NULL, after printing why, if it cannot. */
static struct task *start_program(struct program *prog, char **argv)
{
	struct task *t;
	pid_t pid;

	prog->argv = argv;
	prog->error = 0;
	completion_init(&prog->has_group);
	completion_init(&prog->may_start);
	completion_init(&prog->loaded);
	pid = kernel_thread(become_program, prog, "run");
	t = pid > 0 ? find_get_task(pid) : NULL; /* found: only the shell reaps it */
	if (t == NULL)
		console_printf("%s: cannot fork: %s\n", argv[0], errno_name(-pid));
	else
		wait_for_completion(&prog->has_group); /* the group gets the terminal */
	return t;
}

/* Print why. The usual mistake: the program exists, but not its interpreter. */
static void say_why(const struct program *prog)
{
	console_printf("%s: cannot run it: %s\n", prog->argv[0], errno_name(-prog->error));
	if (prog->error == -ENOENT && kernel_path_exists(prog->path))
		console_printf(
			"  its interpreter (of a dynamic program ld.so: tools/run --packages "
			"libc6) is not there\n");
}

static int run_program(char **argv)
{
	struct program prog;
	int status = 0;

	if (!find_program(prog.path, sizeof(prog.path), argv[0]))
		return shell_error(STATUS_UNKNOWN, "%s: there is no such program\n", argv[0]);
	struct task *t scoped(put_task) = start_program(&prog, argv);
	if (t == NULL)
		return STATUS_CANNOT_RUN;
	if (shell_background()) {
		complete(&prog.may_start);
		wait_for_completion(&prog.loaded);
		job_add(t);
		if (prog.error == 0)
			console_printf("[%d] %s\n", t->pid_nr, argv[0]);
	} else {
		status = run_in_foreground(t, &prog.may_start);
	}
	if (prog.error)
		say_why(&prog);
	return status;
}

SHELL_COMMAND(run, "run", 0, ANY, "[run] PATH ARG... [&]",
	      "start a program with the terminal, or with & without it")
{
	char **words = strcmp(argv[0], "run") == 0 ? argv + 1 : argv;

	if (words[0] == NULL)
		return shell_usage("run");
	return run_program(words);
}

static void print_time(const char *name, u64 ns)
{
	console_printf("%s %lu.%06lu s\n", name, ns / NSEC_PER_SEC,
		       ns % NSEC_PER_SEC / NSEC_PER_USEC);
}

SHELL_COMMAND(time, "run", 1, ANY, "time COMMAND...",
	      "how long a command takes; a program's own time as well")
{
	u64 start;
	int status;

	last_program.pid = 0;
	start = ktime_get();
	status = shell_run_words(argc - 1, argv + 1, shell_background());
	print_time("real", ktime_get() - start);
	if (last_program.pid) {
		print_time("user", last_program.usage.utime);
		print_time("sys ", last_program.usage.stime);
	}
	return status;
}

SHELL_COMMAND(repeat, "run", 2, ANY, "repeat N COMMAND...",
	      "run a command N times, or until it fails")
{
	u64 n;
	int status = 0;

	if (parse_u64(argv[1], &n) != 0)
		return shell_error(STATUS_USAGE, "repeat: '%s' is not a number\n", argv[1]);
	for (u64 i = 1; i <= n; i++) {
		status = shell_run_words(argc - 2, argv + 2, shell_background());
		puppets_news();
		if (status)
			return shell_error(status,
					   "repeat: round %lu of %lu ended with status %d\n", i, n,
					   status);
		if (shell_interrupted())
			return 128 + SIGINT;
	}
	return status;
}
