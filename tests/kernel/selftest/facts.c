/* The page of facts. The most important lines come first: a small screen has room for a small QR
 * code. */
#include "arch/x86_64/arch.h"
#include "boot/boot_info.h"
#include "kernel/lib/log.h"
#include "kernel/lib/string.h"
#include "kernel/task.h"
#include "tests/kernel/selftest/selftest.h"

#define MIB_SHIFT 20

struct text {
	char *buf;
	size_t at, size;
};

static void __printf(2, 3) add(struct text *t, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	t->at += (size_t)vsnprintf(t->buf + t->at, t->size - t->at, fmt, ap);
	va_end(ap);
	t->at = MIN(t->at, t->size - 1);
}

static void add_rows(struct text *t, const struct rows *rows)
{
	if (rows->fork == 0)
		add(t, "cycles not measured: fork failed\n");
	else
		add(t, "cycles fork %lu, +exit+wait %lu", rows->fork, rows->fork_wait);
	if (rows->fork_exec)
		add(t, ", +exec %lu", rows->fork_exec);
	if (rows->fork)
		add(t, "\n");
}

static void add_machine(struct text *t)
{
	u64 usable, reserved;
	u32 ranges = boot_memory(BOOT_RAM, &usable);
	struct cpu_identity cpu;
	const char *name = arch_machine_name();
	char console[64], pci[200]; /* 20 devices */
	u32 left_out;

	boot_memory(BOOT_RESERVED, &reserved);
	arch_cpu_identity(&cpu);
	arch_console_describe(console, sizeof(console));
	add(t, "cpu %u x %s (%s %u/%u/%u)\n", nr_cpus, *cpu.model_name ? cpu.model_name : "?",
	    cpu.vendor, cpu.family, cpu.model, cpu.stepping);
	add(t, "memory %lu MiB in %u ranges, %lu MiB reserved\n", usable >> MIB_SHIFT, ranges,
	    reserved >> MIB_SHIFT);
	add(t, "machine %s\n", *name ? name : "without a name");
	add(t, "devices %s%s; clock %s, timer %s\n", console,
	    arch_has_keyboard() ? ", keyboard" : "", arch_clock_name(), arch_timer_name());
	left_out = arch_device_ids(pci, sizeof(pci));
	add(t, "pci%s", *pci ? pci : " none");
	if (left_out)
		add(t, " and %u more", left_out);
	add(t, "\ncompiler %s%s\n", __VERSION__, DEBUG_CHECKS ? ", debug" : "");
}

void facts_write(const struct results *r, char *buf, size_t n)
{
	struct text t = {.buf = buf, .size = n};

	add(&t, "Bident self-test: %s\n", *r->failing ? "FAILED" : "PASSED");
	if (*r->failing)
		add(&t, "failing:%s\n", r->failing);
	add(&t, "suites %u of %u, tests %lu of %lu, programs %u of %u\n", r->suites_passed,
	    r->suites, r->tests_passed, r->tests, r->programs_passed, r->programs);
	if (*boot_commit())
		add(&t, "commit %s\n", boot_commit());
	add_rows(&t, &r->rows);
	add(&t, "soak %lu forks on %u CPUs\n", last_soak.forks, last_soak.cpus);
	add_machine(&t);
}
