/*
 * Kernel threads. All but the first few are children of kthreadd (pid 2), so that they inherit
 * nothing from the task that needs them: that task queues a request and wakes kthreadd. kthreadd
 * also sends the signals of timers, which an interrupt cannot do (kernel/timers/deferred.c).
 */
#include "kernel/kthread.h"

#include "kernel/exit.h"
#include "kernel/fork.h"
#include "kernel/lib/list.h"
#include "kernel/task.h"
#include "kernel/timers/deferred.h"

struct kthread_request {
	struct list_head link;
	int (*fn)(void *);
	void *arg;
	const char *name;
	struct task *result; /* with a reference, or ERR_PTR */
	struct completion done;
};

static spinlock_t requests_lock = SPINLOCK_INIT(LOCK_KTHREAD);
static struct list_head requests = LIST_HEAD_INIT(requests); /* requests_lock */
static struct wait_queue requests_wait = WAIT_QUEUE_INIT(requests_wait);
static struct wait_queue exit_wait = WAIT_QUEUE_INIT(exit_wait);

static struct kthread_request *next_request(void)
{
	guard_spin(&requests_lock);
	return list_take_first(&requests, struct kthread_request, link);
}

/* A new thread takes the reference for its creator, and only then runs its function. */
static int kthread_entry(void *data)
{
	struct kthread_request *req = data;
	int (*fn)(void *) = req->fn;
	void *arg = req->arg;
	int status;

	/* Undo what the thread inherits from kthreadd. */
	set_handler(current->sighand, SIGCHLD, (u64)SIG_DFL);
	set_user_nice(current, 0);
	get_task(current);
	req->result = current;
	complete(&req->done); /* req is gone from here on */
	status = fn(arg);
	if (!(current->flags & PF_KTHREAD))
		return 0; /* it has become a program */
	do_exit(status);
}

int kthreadd(void *unused __maybe_unused)
{
	/* Kernel threads are not waited for by wait4(): they are reaped as they end. */
	set_handler(current->sighand, SIGCHLD, (u64)SIG_IGN);
	set_user_nice(current, -20); /* signals of timers should come in time */
	for (;;) {
		struct kthread_request *req = NULL;
		pid_t pid;

		wait_event(&requests_wait, due_any() || (req = next_request()) != NULL);
		due_run();
		if (!req)
			continue;
		pid = kernel_thread(kthread_entry, req, req->name);
		if (pid < 0) {
			req->result = ERR_PTR(pid);
			complete(&req->done);
		}
	}
}

void kthreadd_wake(void)
{
	wake_up(&requests_wait);
}

struct task *kthread_create(int (*fn)(void *), void *arg, const char *name)
{
	struct kthread_request req = {.fn = fn, .arg = arg, .name = name};

	completion_init(&req.done);
	spin_lock(&requests_lock);
	list_add_tail(&req.link, &requests);
	spin_unlock(&requests_lock);
	wake_up(&requests_wait);
	wait_for_completion(&req.done);
	return req.result;
}

void kthread_exited(void)
{
	WRITE_ONCE(current->kthread_done, true);
	wake_up_all(&exit_wait);
}

int kthread_join(struct task *p)
{
	int result;

	wait_event(&exit_wait, READ_ONCE(p->kthread_done));
	result = p->exit_code;
	put_task(p);
	return result;
}
