/* What tasks have used: sums over threads, and what they leave behind when they go. */
#include "kernel/time/usage.h"

#include "kernel/task.h"

void add_charged_usage(const struct task *p, struct usage *sum)
{
	sum->utime += p->utime;
	sum->stime += p->stime;
	sum->min_flt += p->min_flt;
	sum->nvcsw += p->nvcsw;
	sum->nivcsw += p->nivcsw;
}

void task_usage(struct task *p, struct usage *out)
{
	*out = (struct usage){0};
	task_charge(p);
	add_charged_usage(p, out);
}

void process_usage(struct signal *sig, struct usage *out)
{
	struct task *t;

	*out = sig->gone;
	list_for_each_entry (t, &sig->threads, thread_node) {
		task_charge(t);
		add_charged_usage(t, out);
	}
}
