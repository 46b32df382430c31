/*
 * In-kernel test suites. A test registers itself and runs in a kernel thread of its own. At its end
 * the numbers of free pages, slab objects, tasks, pids and open files must be unchanged. Results
 * are KTAP on the console.
 */
#pragma once

#include "kernel/lib/types.h"
#include "kernel/shell/account.h"
#include "kernel/task.h"

struct ktest {
	const char *suite, *name;
	void (*fn)(void);
};

LINKER_SET_DECLARE(ktests, const struct ktest);

#define KTEST(suite_, name_)                                                                      \
	static void ktest_##suite_##_##name_(void);                                               \
	static const struct ktest ktest_##suite_##_##name_##_entry = {                            \
		.suite = #suite_, .name = #name_, .fn = ktest_##suite_##_##name_};                \
	static const struct ktest *const __set_ktests_##suite_##_##name_                          \
		__attribute__((used, section("set_ktests"))) = &ktest_##suite_##_##name_##_entry; \
	static void ktest_##suite_##_##name_(void)

/* Record a failure with both values and go on: the test must still clean up after itself. Evaluates
 * to cond. */
bool ktest_check(bool cond, const char *text, const char *file, int line);
#define EXPECT(cond) ktest_check((cond), #cond, __FILE__, __LINE__)
#define EXPECT_EQ(a, b)                                                     \
	({                                                                  \
		long __a = (long)(a), __b = (long)(b);                      \
		ktest_check_eq(__a, __b, #a " == " #b, __FILE__, __LINE__); \
	})
bool ktest_check_eq(long a, long b, const char *text, const char *file, int line);

/* Run one suite, or all for NULL or "all". Returns the number of failures; -ENOENT if there is no
 * such suite. */
int ktest_run(const char *suite);
size_t ktest_count(const char *suite); /* the tests that ktest_run() would run */
extern const char *ktest_failing;      /* each test of this suite fails; NULL: as they are */

/* Set the policy and leave the rest of what sched_setattr(2) sets. 0 or -EINVAL. */
static inline int sched_set_policy(struct task *p, int policy, int rt_priority)
{
	return sched_set_attr(p, policy, rt_priority, PRIO_TO_NICE(p->static_prio),
			      p->reset_on_fork);
}

/* selftest/selftest.c: make a suite fail in the self-test, to see what that looks like. */
void selftest_fail(const char *suite);
