/* Looking at the kernel itself: cpu, dmesg, syscalls. */
#include "kernel/debug/debug.h"
#include "kernel/fork.h"
#include "kernel/lib/syscall.h"
#include "kernel/shell/shell.h"
#include "kernel/time/timer.h"

SHELL_COMMAND(cpu, "look", 0, 0, "cpu", "the processors, their features, the clock and the timer")
{
	u64 now = ktime_get();
	struct cpu_identity id;

	for (u32 i = 0; i < nr_cpus; i++)
		console_printf("cpu %u: APIC id %u, %lu interrupts\n", i, cpus[i].apic_id,
			       cpus[i].irqs);
	cpu_print_features(console_printf);
	arch_cpu_identity(&id);
	if (id.microcode)
		console_printf("microcode revision %#x\n", id.microcode);
	arch_print_board(console_printf);
	console_printf("clock %s, timer %s, up %lu.%03lu s, %lu forks\n", arch_clock_name(),
		       arch_timer_name(), now / NSEC_PER_SEC, now % NSEC_PER_SEC / NSEC_PER_MSEC,
		       total_forks);
	return 0;
}

SHELL_COMMAND(pci, "look", 0, 0, "pci", "the devices on the PCI buses")
{
	arch_print_devices(console_printf);
	return 0;
}

SHELL_COMMAND(dmesg, "look", 0, 0, "dmesg", "the kernel's log")
{
	log_show(console_printf);
	return 0;
}

static void absent_line(unsigned long nr, u64 count, void *n)
{
	console_printf("%6lu %s called %lu times\n", nr, syscall_name(nr), count);
	++*(u32 *)n;
}

static void show_call(unsigned long nr)
{
	const struct syscall_info *info = syscall_info(nr);
	const char *without = syscall_missing(nr);

	console_printf("%4lu %s (%s)%s%s\n", nr, info->name, info->args,
		       without ? "; without: " : "", without ? without : "");
}

SHELL_COMMAND(syscalls, "look", 0, 1, "syscalls [all]",
	      "calls that were asked for and do not exist; `all` lists those that do")
{
	u32 n = 0;

	if (argc == 2) {
		for (unsigned long nr = 0; nr < NR_SYSCALLS; nr++)
			if (syscall_info(nr))
				show_call(nr);
		return 0;
	}
	unimplemented_foreach(absent_line, &n);
	if (n == 0)
		console_printf("every call that was made exists\n");
	return 0;
}
