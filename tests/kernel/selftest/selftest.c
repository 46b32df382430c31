/*
 * The self-test: all that tells whether this machine and this kernel go together, in a minute or
 * two, with a verdict that can be photographed.
 */
#include "tests/kernel/selftest/selftest.h"

#include "kernel/lib/log.h"
#include "kernel/lib/string.h"
#include "kernel/shell/shell.h"
#include "mm/slab.h"
#include "tests/kernel/ktest.h"

#define FACTS_MAX 1024

static char wanted[32]; /* selftest.fail: "" for none */

void selftest_fail(const char *suite)
{
	strlcpy(wanted, suite, sizeof(wanted));
}

void result_failed(struct results *r, const char *name)
{
	size_t at = strlen(r->failing);

	/* What has no room shows in the counts. */
	if (at + 1 + strlen(name) < sizeof(r->failing))
		snprintf(r->failing + at, sizeof(r->failing) - at, " %s", name);
}

/* Suites are found by their tests. */
static bool is_first_of_suite(const struct ktest *test)
{
	LINKER_SET_FOREACH(ktests, it)
	{
		if (strcmp((*it)->suite, test->suite) == 0)
			return *it == test;
	}
	return false;
}

static void run_suite(struct results *r, const char *suite)
{
	int failed;

	console_printf("self-test: suite %s\n", suite);
	failed = ktest_run(suite);
	r->suites++;
	r->tests += ktest_count(suite);
	r->tests_passed += ktest_count(suite) - (size_t)failed;
	if (failed)
		result_failed(r, suite);
	else
		r->suites_passed++;
}

/* False: ^C. */
static bool run_suites(struct results *r)
{
	LINKER_SET_FOREACH(ktests, it)
	{
		if (!is_first_of_suite(*it))
			continue;
		run_suite(r, (*it)->suite);
		if (shell_interrupted())
			return false;
	}
	return true;
}

static bool run_all(struct results *r)
{
	bool done;

	ktest_failing = *wanted ? wanted : NULL;
	done = run_suites(r);
	ktest_failing = NULL;
	if (!done)
		return false;
	console_printf("self-test: programs\n");
	if (!programs_run(r))
		return false;
	console_printf("self-test: cycles\n");
	rows_measure(&r->rows);
	if (r->rows.fork == 0)
		result_failed(r, "cycles");
	return true;
}

/* What is printed and drawn. */
static int show(const struct results *r)
{
	char *facts = kmalloc(FACTS_MAX);

	if (facts == NULL)
		return shell_fail("selftest: no memory for its result\n");
	facts_write(r, facts, FACTS_MAX);
	console_printf("\n%s", facts);
	page_show(!*r->failing, facts);
	kfree(facts);
	return *r->failing ? STATUS_FAILED : 0;
}

SHELL_COMMAND(selftest, "system", 0, 0, "selftest",
	      "suites, programs, a soak and cycles, with a verdict and a QR code to report")
{
	struct results r = {0};

	if (*wanted && ktest_count(wanted) == 0)
		return shell_error(STATUS_USAGE, "selftest.fail=%s: there is no such suite\n",
				   wanted);
	if (!run_all(&r))
		return shell_error(128 + SIGINT, "selftest: interrupted, so there is no verdict\n");
	return show(&r);
}
