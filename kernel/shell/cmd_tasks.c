/* Looking at tasks: ps, tree, pidmap, fds. */
#include "kernel/fs/fs.h"
#include "kernel/sharing.h"
#include "kernel/shell/shell.h"
#include "kernel/trace/trace.h"
#include "mm/mm.h"

/* "puppet", or "[kthreadd]" for a thread of the kernel. */
static const char *display_name(const struct task *t, char *buf, size_t n)
{
	snprintf(buf, n, t->flags & PF_KTHREAD ? "[%s]" : "%s", t->comm);
	return buf;
}

static const char *mark(const struct task *t)
{
	return selected && puppet_of(t) == selected ? "  <- selected" : "";
}

static void ps_line(struct task *t)
{
	struct mm *mm scoped(mm_put) = task_get_mm(t);
	u64 pages = mm ? mm_resident(mm) : 0, ms = task_runtime(t) / NSEC_PER_MSEC;
	char name[TASK_COMM_LEN + 2];

	console_printf("%6d %6d %6d %c %4d %3d %6lu.%03lu %8lu %s%s\n", t->pid_nr, t->tgid_nr,
		       t->real_parent->tgid_nr, task_state_char(t), t->prio,
		       PRIO_TO_NICE(t->static_prio), ms / 1000, ms % 1000,
		       pages * (PAGE_SIZE / 1024), display_name(t, name, sizeof(name)), mark(t));
}

SHELL_COMMAND(
	ps, "look", 0, 0, "ps",
	"all tasks: pid, thread group, parent, state, priority, processor time, memory in KiB")
{
	struct task_list all;

	if (task_list_get(&all) != 0)
		return shell_fail("ps: no memory\n");
	console_printf("%6s %6s %6s S %4s %3s %10s %8s %s\n", "PID", "TGID", "PPID", "PRIO", "NI",
		       "TIME", "RES", "COMMAND");
	for (size_t i = 0; i < all.n; i++)
		ps_line(all.task[i]);
	task_list_free(&all);
	return 0;
}

#define TREE_DEPTH 24 /* deeper tasks are left out: the kernel's stack limits the recursion */

struct tree {
	const struct task_list *all;
	char indent[TREE_DEPTH * 3 + 1];
};

static bool is_child(const struct task *t, const struct task *parent)
{
	return t != parent && t->real_parent == parent && thread_group_leader(t);
}

static bool is_thread(const struct task *t, const struct task *leader)
{
	return t != leader && t->group_leader == leader;
}

/* The next child or thread of `p` at or after index i; all->n if there is none. */
static size_t next_below(const struct task_list *all, const struct task *p, size_t i)
{
	while (i < all->n && !is_child(all->task[i], p) && !is_thread(all->task[i], p))
		i++;
	return i;
}

static void print_node(const struct task *t)
{
	char name[TASK_COMM_LEN + 2];

	console_printf(thread_group_leader(t) ? "%s %d %c%s\n" : "{%s} %d %c%s\n",
		       display_name(t, name, sizeof(name)), t->pid_nr, task_state_char(t), mark(t));
}

static void print_below(struct tree *tree, const struct task *p, int depth)
{
	size_t i = next_below(tree->all, p, 0), next;

	for (; i < tree->all->n; i = next) {
		next = next_below(tree->all, p, i + 1);
		console_printf("%s%s", tree->indent, next < tree->all->n ? "|- " : "`- ");
		print_node(tree->all->task[i]);
		if (depth >= TREE_DEPTH)
			continue;
		strlcpy(tree->indent + (depth - 1) * 3, next < tree->all->n ? "|  " : "   ", 4);
		print_below(tree, tree->all->task[i], depth + 1);
		tree->indent[(depth - 1) * 3] = '\0';
	}
}

SHELL_COMMAND(tree, "look", 0, 1, "tree [PID]",
	      "the family tree of all tasks, or of one: state, and which is selected")
{
	struct task_list all;
	struct tree tree = {.all = &all};
	struct task *root scoped(put_task) = NULL;
	int status;

	status = argc == 2 ? task_of_argument("tree", argv[1], &root) : 0;
	if (status)
		return status;
	if (argc == 1) {
		root = &init_task;
		get_task(root);
	}
	if (task_list_get(&all) != 0)
		return shell_fail("tree: no memory\n");
	print_node(root);
	print_below(&tree, root, 1);
	task_list_free(&all);
	return 0;
}

static void pidmap_row(int from)
{
	char row[65];
	int used = 0;

	for (int i = 0; i < 64; i++) {
		bool set = pidmap_test(&init_pidmap, from + i);

		row[i] = set ? '#' : '.';
		used += set;
	}
	row[64] = '\0';
	if (used)
		console_printf("%8d %s\n", from, row);
}

SHELL_COMMAND(pidmap, "look", 0, 0, "pidmap",
	      "the bitmap behind the pids: each # is a number in use; empty rows are left out")
{
	const struct pidmap *m = &init_pidmap;

	console_printf(
		"last pid %d, pid_max %d, %d in use, below %d not reused after the first lap\n",
		m->last_pid, m->pid_max, pidmap_used(m), RESERVED_PIDS);
	for (int page = 0; page * PIDMAP_PAGE_BITS < m->pid_max; page++) {
		if (m->page[page] == NULL)
			continue;
		for (int row = 0; row < PIDMAP_PAGE_BITS; row += 64)
			if (m->page[page][row / 64])
				pidmap_row(page * PIDMAP_PAGE_BITS + row);
	}
	return 0;
}

static void fds_line(int fd, const char *what, u32 flags, bool cloexec, void *count)
{
	static const char *const modes[] = {"r-", "-w", "rw", "??"};

	console_printf("%5d %s %s %s\n", fd, modes[flags & O_ACCMODE],
		       cloexec ? "cloexec" : "       ", what);
	++*(u32 *)count;
}

SHELL_COMMAND(fds, "look", 0, 1, "fds [PID]",
	      "the open files of a task (of the selected puppet if none is named)")
{
	struct task *t scoped(put_task) = NULL;
	int status = task_of_argument("fds", argv[1], &t);
	u32 n = 0;

	if (status)
		return status;
	struct files *files scoped(files_put) = task_get_files(t);
	if (files) {
		console_printf("task %d: table used by %u\n", t->pid_nr, files_users(files) - 1);
		files_foreach(files, fds_line, &n);
	}
	if (n == 0)
		console_printf("task %d has no open files\n", t->pid_nr);
	return 0;
}
