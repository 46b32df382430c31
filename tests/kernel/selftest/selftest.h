/* What the parts of the self-test hand to each other. */
#pragma once

#include "kernel/lib/types.h"

struct soak_result {
	u64 forks;
	u32 cpus; /* that took part */
};
extern struct soak_result last_soak; /* soak.c: of the suite's last run */

struct rows {
	u64 fork, fork_wait, fork_exec; /* cycles, the least of many rounds; 0: not measured */
};

struct results {
	u32 suites, suites_passed;
	u64 tests, tests_passed;
	u32 programs, programs_passed;
	char failing[160]; /* names, each with a blank in front */
	struct rows rows;
};
void result_failed(struct results *r, const char *name);

/* Run what programs there are. False: ^C. */
bool programs_run(struct results *r);
void rows_measure(struct rows *rows);
/* The facts as lines, the most important first. */
void facts_write(const struct results *r, char *buf, size_t n);
/* The verdict in large letters, the facts, and a QR code of as many of them as it has room for. */
void page_show(bool passed, const char *facts);
