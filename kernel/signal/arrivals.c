/* Where tasks wait for the signals of a process: signalfd(2). A process without signalfds has
 * none. */
#include "kernel/signal/signal.h"
#include "kernel/task.h"
#include "mm/slab.h"

static struct arrivals *arrivals_create(void)
{
	struct arrivals *a = kzalloc(sizeof(*a));

	if (!a)
		return NULL;
	refcount_set(&a->count, 1);
	wait_queue_init(&a->wait);
	return a;
}

struct arrivals *arrivals_get(void)
{
	struct arrivals **at = &current->signal->arrivals,
			*a = __atomic_load_n(at, __ATOMIC_ACQUIRE);
	struct arrivals *fresh = a ? NULL : arrivals_create();

	if (fresh &&
	    __atomic_compare_exchange_n(at, &a, fresh, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		a = fresh;
	else
		kfree(fresh); /* another thread was faster */
	if (a)
		refcount_inc(&a->count);
	return a;
}

void arrivals_put(struct arrivals *a)
{
	if (refcount_dec_and_test(&a->count))
		kfree(a);
}
