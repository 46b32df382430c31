/* Lists of referenced tasks, to look at them without tasklist_lock. */
#include "kernel/fork.h"
#include "kernel/shell/shell.h"
#include "mm/vmalloc.h"

static void sort_by_pid(struct task_list *l)
{
	for (size_t i = 1; i < l->n; i++) {
		struct task *t = l->task[i];
		size_t k = i;

		for (; k > 0 && l->task[k - 1]->pid_nr > t->pid_nr; k--)
			l->task[k] = l->task[k - 1];
		l->task[k] = t;
	}
}

int task_list_get(struct task_list *l)
{
	size_t room = (size_t)atomic_read(&nr_threads) + 16; /* tasks may be forked meanwhile */
	struct task *leader = &init_task, *t;
	int nr = 1;

	l->n = 0;
	l->task = vmalloc(room * sizeof(*l->task)); /* needs only single pages */
	if (l->task == NULL)
		return -ENOMEM;
	spin_lock(&tasklist_lock);
	do {
		list_for_each_entry (t, &leader->signal->threads, thread_node) {
			if (l->n == room)
				break;
			get_task(t);
			l->task[l->n++] = t;
		}
	} while ((leader = next_leader(&nr)) != NULL);
	spin_unlock(&tasklist_lock);
	sort_by_pid(l);
	return 0;
}

void task_list_free(struct task_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		put_task(l->task[i]);
	vfree(l->task);
}

int task_of_argument(const char *command, const char *text, struct task **out)
{
	u64 pid;

	if (text == NULL) {
		*out = selected ? puppet_task(selected) : NULL;
		return *out ? 0 : shell_fail("%s: no puppet is selected\n", command);
	}
	if (parse_u64(text, &pid) != 0 || pid > PID_MAX_LIMIT)
		return shell_error(STATUS_USAGE, "%s: '%s' is not a pid\n", command, text);
	*out = find_get_task((pid_t)pid);
	return *out ? 0 : shell_fail("%s: there is no task %lu\n", command, pid);
}
