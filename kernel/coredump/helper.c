/*
 * A dump goes to a program: core(5), "Piping core dumps to a program".
 *
 * kthreadd's child becomes the program, as root, and has the pipe as its standard input. So it
 * inherits nothing from the process that dumps.
 */
#include "kernel/coredump/internal.h"
#include "kernel/exec/exec.h"
#include "kernel/kthread.h"
#include "kernel/lib/errno.h"

s64 core_pipe_limit;
static atomic_t nr_helpers;

/* On the stack of the dumper, which waits until the program is loaded or has failed. */
struct helper {
	const struct core_name *name;
	struct file *input; /* a reference, for the program */
	long error;
	struct completion loaded;
};

/* Descriptors with the pipe as 0, and a place in the file system. 0, or -ENOMEM. */
static int give_resources(struct file *input)
{
	int err = new_resources();

	if (err)
		return err;
	file_hold(input);
	return fd_open(input, 0, false) == 0 ? 0 : -ENOMEM;
}

static int become_helper(void *arg)
{
	static const char *const envp[] = {"HOME=/", "PATH=/sbin:/bin:/usr/sbin:/usr/bin", NULL};
	const char *argv[CORE_ARGS_MAX + 1] = {0};
	struct helper *h = arg;
	const struct core_name *name = h->name;
	long err = give_resources(h->input);

	for (u32 i = 0; i < name->argc; i++)
		argv[i] = name->text + name->arg_at[i];
	/* A limit of 1 says that it is not dumped itself. */
	current->signal->rlim[RLIMIT_CORE] = (struct rlimit64){1, 1};
	if (!err)
		err = kernel_execve(argv[0], argv, envp);
	h->error = err;
	complete(&h->loaded);
	return err ? 127 << 8 : 0;
}

static bool run(const struct core_name *name, struct file *input)
{
	struct helper h = {.name = name, .input = input};
	struct task *t;

	completion_init(&h.loaded);
	t = kthread_create(become_helper, &h, "core");
	if (IS_ERR(t))
		return false;
	wait_for_completion(&h.loaded);
	put_task(t);
	if (h.error)
		pr_info("core dump to |%s: %s\n", name->text, errno_name((int)-h.error));
	return !h.error;
}

struct file *helper_start(const struct core_name *name)
{
	s64 limit = READ_ONCE(core_pipe_limit);
	struct file *end[2];

	bool over = atomic_add_return(&nr_helpers, 1) > limit && limit;

	if (!over && name->argc && pipe_files(end, 0) == 0) {
		bool runs = run(name, end[0]);

		file_put(end[0]);
		if (runs)
			return end[1];
		file_put(end[1]);
	}
	atomic_dec(&nr_helpers);
	return NULL;
}

/* With a limit, the process stays in /proc until the program has seen enough of it. */
void helper_end(struct file *f)
{
	if (READ_ONCE(core_pipe_limit))
		pipe_end_and_wait(f);
	file_put(f);
	atomic_dec(&nr_helpers);
}
