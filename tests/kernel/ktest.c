/*
 * The runner of in-kernel suites: each test in a kernel thread of its own, results as KTAP, and
 * after each test the account. Tests run in the order of registration. test.seed shuffles them,
 * which finds tests that depend on others.
 */
#include "tests/kernel/ktest.h"

#include "kernel/kthread.h"
#include "kernel/lib/fuzz.h"
#include "kernel/lib/log.h"
#include "kernel/lib/string.h"
#include "kernel/lib/tunable.h"
#include "kernel/shell/shell.h"
#include "kernel/task.h"
#include "kernel/time/timer.h"

#define MAX_TESTS 256
#define SETTLE_NS (2 * NSEC_PER_SEC) /* for tasks that a test started to end */

static long test_seed;
TUNABLE(test_seed, "test.seed", test_seed, 0, INT32_MAX, NULL,
	"shuffles the order of the tests; 0: as they are");

/* The running test, and the number of its checks that failed. */
static const struct ktest *running;
static int failures;
const char *ktest_failing;

bool ktest_check(bool cond, const char *text, const char *file, int line)
{
	if (cond)
		return true;
	__atomic_add_fetch(&failures, 1, __ATOMIC_SEQ_CST);
	console_printf("# %s:%d: expected %s\n", file, line, text);
	return false;
}

bool ktest_check_eq(long a, long b, const char *text, const char *file, int line)
{
	if (a == b)
		return true;
	__atomic_add_fetch(&failures, 1, __ATOMIC_SEQ_CST);
	console_printf("# %s:%d: expected %s: %ld (%#lx) is not %ld (%#lx)\n", file, line, text, a,
		       (u64)a, b, (u64)b);
	return false;
}

static int test_thread(void *arg __maybe_unused)
{
	running->fn();
	return 0;
}

/* Other tasks reap and free zombies, which takes a while: look again before a difference counts as
 * a leak. */
static void check_account(const struct account *before)
{
	u64 until = ktime_get() + SETTLE_NS;
	struct account after;

	for (;;) {
		account_take(&after);
		if (memcmp(before, &after, sizeof(after)) == 0)
			return;
		if (ktime_get() >= until)
			break;
		sleep_ns(5 * NSEC_PER_MSEC);
	}
	account_equal(before, &after);
	failures++;
}

static int nothing(void *unused __maybe_unused)
{
	return 0;
}

/* Allocate what is kept for good (a first page of the pidmap, tables of the stack area), so that it
 * does not count as a leak of the first test. */
static void warm_up(void)
{
	struct task *thread = kthread_create(nothing, NULL, "warm-up");

	if (!IS_ERR(thread))
		kthread_join(thread);
}

static bool run_one(const struct ktest *test)
{
	struct account before;
	struct task *thread;

	running = test;
	failures = 0;
	account_take(&before);
	thread = kthread_create(test_thread, NULL, test->name);
	if (IS_ERR(thread)) {
		console_printf("# no thread for the test: error %ld\n", PTR_ERR(thread));
		return false;
	}
	kthread_join(thread);
	check_account(&before);
	if (ktest_failing && strcmp(test->suite, ktest_failing) == 0)
		ktest_check(false, "no selftest.fail for this suite", __FILE__, __LINE__);
	return failures == 0;
}

/* "fork" is a suite, "fork.basic" one test. */
static bool matches(const struct ktest *t, const char *what)
{
	size_t n = strlen(t->suite);

	if (what == NULL || strcmp(what, "all") == 0 || strcmp(what, t->suite) == 0)
		return true;
	return strncmp(what, t->suite, n) == 0 && what[n] == '.' &&
	       strcmp(what + n + 1, t->name) == 0;
}

static const struct ktest *list[MAX_TESTS];

static size_t collect(const char *what)
{
	size_t n = 0;

	LINKER_SET_FOREACH(ktests, it)
	{
		if (matches(*it, what) && n < MAX_TESTS)
			list[n++] = *it;
	}
	return n;
}

size_t ktest_count(const char *what)
{
	return collect(what);
}

/* Fisher and Yates, with a linear congruential generator. */
static void shuffle(size_t n)
{
	u64 x = (u64)test_seed;

	for (size_t i = n; i > 1; i--) {
		x = x * 6364136223846793005UL + 1442695040888963407UL;
		size_t k = (x >> 33) % i;
		const struct ktest *t = list[i - 1];

		list[i - 1] = list[k];
		list[k] = t;
	}
}

/* Two runs with the same signature were preempted at the same places. */
static void show_fuzz(void)
{
	struct fuzz_stats fuzz;

	if (!sched_fuzz)
		return;
	sched_fuzz_stats(&fuzz);
	console_printf("# sched.fuzz=%ld: %lu preemptions at %lu places, signature %016lx\n",
		       sched_fuzz, fuzz.preemptions, fuzz.throws, fuzz.signature);
}

int ktest_run(const char *suite)
{
	size_t n = collect(suite), failed = 0;

	if (n == 0)
		return -ENOENT;
	if (test_seed)
		shuffle(n);
	warm_up();
	console_printf("KTAP version 1\n1..%lu\n", n);
	for (size_t i = 0; i < n; i++) {
		const struct ktest *t = list[i];
		bool ok = run_one(t);

		console_printf("%s %lu - %s.%s\n", ok ? "ok" : "not ok", i + 1, t->suite, t->name);
		if (ok)
			continue;
		failed++;
		console_printf("# repeat with: tools/run --cmd 'test %s.%s'\n", t->suite, t->name);
		if (test_seed)
			console_printf("# its place in the order came from: set test.seed %ld\n",
				       test_seed);
	}
	console_printf("# ktest: %lu passed, %lu failed\n", n - failed, failed);
	show_fuzz();
	return (int)failed;
}

SHELL_COMMAND(test, "system", 0, 1, "test [SUITE[.NAME]]",
	      "run the suites that live inside the kernel")
{
	int failed = ktest_run(argv[1]);

	if (failed == -ENOENT)
		return shell_fail("test: there is no suite '%s'\n", argc == 2 ? argv[1] : "all");
	return failed ? STATUS_FAILED : 0;
}
