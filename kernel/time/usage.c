/* What tasks have used: sums over threads, and what they leave behind when they go. */
#include "kernel/time/usage.h"

#include "kernel/lib/nsec.h"
#include "kernel/lib/string.h"
#include "kernel/task.h"

void add_charged_usage(const struct task *p, struct usage *sum)
{
	sum->utime += p->utime;
	sum->stime += p->stime;
	sum->min_flt += p->user_flt + p->kernel_flt;
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

static struct __kernel_old_timeval timeval_of(u64 ns)
{
	return (struct __kernel_old_timeval){.tv_sec = ns / NSEC_PER_SEC,
					     .tv_usec = ns % NSEC_PER_SEC / NSEC_PER_USEC};
}

int put_rusage(struct rusage __user *uru, const struct usage *used)
{
	struct rusage ru;

	memset(&ru, 0, sizeof(ru));
	ru.ru_utime = timeval_of(used->utime);
	ru.ru_stime = timeval_of(used->stime);
	ru.ru_minflt = used->min_flt;
	ru.ru_nvcsw = used->nvcsw;
	ru.ru_nivcsw = used->nivcsw;
	ru.ru_maxrss = used->max_pages * (PAGE_SIZE / 1024);
	return copy_to_user(uru, &ru, sizeof(ru)) ? -EFAULT : 0;
}
