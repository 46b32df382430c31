/* /proc/PID/oom_score and its adjustment: which process dies when memory is short. proc(5) */
#include "kernel/fs/proc/proc.h"
#include "kernel/oom.h"

/* The older file: -16 to 15, and -17 for never. */
#define ADJ_NEVER (-17)
#define ADJ_MIN   (-16)
#define ADJ_MAX   15

char *proc_trim(char *text)
{
	size_t n;

	while (*text == ' ' || *text == '\t')
		text++;
	n = strlen(text);
	while (n && (text[n - 1] == '\n' || text[n - 1] == ' ' || text[n - 1] == '\t'))
		n--;
	text[n] = '\0';
	return text;
}

int proc_show_oom_score(struct seq *s, const struct proc_node *node)
{
	struct task *p scoped(put_task) = proc_task(node);
	u64 score;

	if (!p)
		return -ESRCH;
	spin_lock(&tasklist_lock);
	score = p->sighand ? oom_score(p->group_leader) : 0;
	spin_unlock(&tasklist_lock);
	seq_printf(s, "%lu\n", score);
	return 0;
}

/* 0, or -ESRCH. */
static int get_adj(const struct proc_node *node, int *adj)
{
	struct task *p scoped(put_task) = proc_task(node);

	if (!p)
		return -ESRCH;
	*adj = READ_ONCE(p->signal->oom_score_adj);
	return 0;
}

/* Lower than `lowest` only with CAP_SYS_RESOURCE. */
static int change_adj(struct signal *sig, int adj, int lowest, bool legacy)
{
	bool root = cred_is_root(current->cred);

	if (adj < lowest && !root)
		return -EACCES;
	WRITE_ONCE(sig->oom_score_adj, (s16)adj);
	if (root && !legacy)
		sig->oom_score_adj_min = (s16)adj;
	return 0;
}

static int set_adj(const struct proc_node *node, int adj, bool legacy)
{
	struct task *p scoped(put_task) = proc_task(node);
	struct sighand *sh;
	struct signal *sig;
	int err = -ESRCH;
	u64 flags;

	if (!p)
		return -ESRCH;
	sig = p->signal;
	sh = lock_sighand(p, &flags);
	if (sh) {
		err = change_adj(sig, adj, legacy ? sig->oom_score_adj : sig->oom_score_adj_min,
				 legacy);
		unlock_sighand(sh, flags);
	}
	return err;
}

int proc_show_oom_score_adj(struct seq *s, const struct proc_node *node)
{
	int adj, err = get_adj(node, &adj);

	if (!err)
		seq_printf(s, "%d\n", adj);
	return err;
}

int proc_store_oom_score_adj(const struct proc_node *node, char *text)
{
	s64 adj;
	int err = parse_s64(proc_trim(text), &adj);

	if (err)
		return err;
	if (adj < OOM_SCORE_ADJ_MIN || adj > OOM_SCORE_ADJ_MAX)
		return -EINVAL;
	return set_adj(node, (int)adj, false);
}

int proc_show_oom_adj(struct seq *s, const struct proc_node *node)
{
	int adj, err = get_adj(node, &adj);

	if (err)
		return err;
	adj = adj == OOM_SCORE_ADJ_MAX ? ADJ_MAX : adj * -ADJ_NEVER / OOM_SCORE_ADJ_MAX;
	seq_printf(s, "%d\n", MIN(adj, ADJ_MAX));
	return 0;
}

int proc_store_oom_adj(const struct proc_node *node, char *text)
{
	s64 adj;
	int err = parse_s64(proc_trim(text), &adj);

	if (err)
		return err;
	if ((adj < ADJ_MIN || adj > ADJ_MAX) && adj != ADJ_NEVER)
		return -EINVAL;
	/* Scaled, so that the ends meet. */
	adj = adj == ADJ_MAX ? OOM_SCORE_ADJ_MAX : adj * OOM_SCORE_ADJ_MAX / -ADJ_NEVER;
	return set_adj(node, (int)adj, true);
}
