/* Reference counts: the last drop, the ceiling at which they stay, one drop too many. */
#include "tests/unit/host.h"

#include <sys/wait.h>
#include <unistd.h>

#include "kernel/lib/atomic.h"

TEST(the_last_drop_is_told)
{
	refcount_t r = REFCOUNT_INIT(1);

	refcount_inc(&r);
	CHECK(!refcount_dec_and_test(&r));
	CHECK_EQ(refcount_read(&r), 1);
	CHECK(refcount_dec_and_test(&r));
	CHECK_EQ(refcount_read(&r), 0);
}

TEST(a_count_at_its_ceiling_is_never_the_last)
{
	refcount_t r = REFCOUNT_INIT(REFCOUNT_SATURATED - 2);

	refcount_inc(&r);
	CHECK_EQ(refcount_read(&r), REFCOUNT_SATURATED - 1);
	refcount_inc(&r);
	for (int i = 0; i < 1000; i++)
		refcount_inc(&r);
	CHECK_EQ(refcount_read(&r), REFCOUNT_STUCK);
	for (int i = 0; i < 2000; i++)
		CHECK(!refcount_dec_and_test(&r));
	CHECK_EQ(refcount_read(&r), REFCOUNT_STUCK);
	CHECK(!refcount_dec_not_one(&r));
	CHECK(refcount_inc_not_zero(&r));
	CHECK_EQ(refcount_read(&r), REFCOUNT_STUCK);
}

/* Does dropping a count of `n` panic? Tried in a process of its own. */
static bool drop_panics(u32 n)
{
	refcount_t r = REFCOUNT_INIT(n);
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		fclose(stdout);
		_exit(refcount_dec_and_test(&r));
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

TEST(a_drop_too_many_panics)
{
	CHECK(drop_panics(0));
	CHECK(drop_panics(~0u)); /* another CPU has just done the same */
	CHECK(!drop_panics(1));
	CHECK(!drop_panics(REFCOUNT_STUCK));
	CHECK(!refcount_dec_not_one(&(refcount_t){0}));
	CHECK(!refcount_inc_not_zero(&(refcount_t){0}));
}

TEST_MAIN
