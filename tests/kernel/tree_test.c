/* Suite "tree": the page-table tree on the real machine. Its logic is tested on the host against a
 * model. */
#include "kernel/lib/log.h"
#include "mm/mm.h"
#include "mm/tree.h"
#include "tests/kernel/ktest.h"
#include "tests/kernel/user_task.h"

/* A fork of a large process copies no table, so it costs as much as that of a small one. */
KTEST(tree, fork_copies_no_table)
{
	pid_t pid;
	struct task *p;

	if (!EXPECT(user_context_enter(2048)))
		return;
	user_script(SCRIPT_PAUSE, 0);
	sched_child_first = 0;
	pid = user_fork(0);
	p = find_get_task(pid);
	if (EXPECT(p != NULL)) {
		EXPECT_EQ(p->mm->stats.tables_copied, 0);
		EXPECT(p->mm->stats.tables_shared <= 2); /* one used root entry here */
		send_signal(SIGKILL, NULL, p, true);
		put_task(p);
	}
	user_wait(pid);
	sched_child_first = 1;
	user_context_leave();
}

/* When the child has ended, the parent owns every table again: a write copies nothing. */
KTEST(tree, tables_come_back)
{
	u64 copied;

	if (!EXPECT(user_context_enter(64)))
		return;
	user_wait(user_fork(0));
	copied = current->mm->stats.cow_pages;
	for (u64 i = 0; i < 64; i++)
		EXPECT(user_poke(current->mm, USER_DATA + i * PAGE_SIZE, i));
	EXPECT_EQ(current->mm->stats.cow_pages, copied);
	user_context_leave();
}

/* A chain of forks shares one set of tables, and each link that writes gets its own. */
KTEST(tree, generations)
{
	struct mm *chain[8];
	int n = 1;

	if (!EXPECT(user_context_enter(4)))
		return;
	chain[0] = current->mm;
	for (; n < 8; n++) {
		chain[n] = mm_clone(chain[n - 1]);
		if (!EXPECT(chain[n] != NULL))
			break;
		EXPECT(user_poke(chain[n], USER_DATA, 100 + n));
	}
	for (int i = 1; i < n; i++)
		EXPECT_EQ(user_peek(chain[i], USER_DATA), 100 + i);
	EXPECT_EQ(user_peek(chain[0], USER_DATA), 0);
	for (int i = n - 1; i > 0; i--)
		mm_put(chain[i]);
	user_context_leave();
}
