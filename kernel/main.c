/*
 * From the first C function to the first program.
 *
 * start_kernel() runs on the stack of the first task, which becomes the idle task in the end. Pid 1
 * adopts orphans and runs what the command line asks for, pid 2 makes kernel threads. Every other
 * task comes out of do_fork().
 */
#include "arch/x86_64/arch.h"
#include "boot/boot_info.h"
#include "kernel/coredump/coredump.h"
#include "kernel/debug/debug.h"
#include "kernel/exec/exec.h"
#include "kernel/fork.h"
#include "kernel/fs/fs.h"
#include "kernel/futex/futex.h"
#include "kernel/kthread.h"
#include "kernel/lib/errno.h"
#include "kernel/lib/fault_injection.h"
#include "kernel/lib/log.h"
#include "kernel/lib/random.h"
#include "kernel/lib/string.h"
#include "kernel/lib/syscall.h"
#include "kernel/lib/tunable.h"
#include "kernel/shell/puppet.h"
#include "kernel/task.h"
#include "kernel/time/timer.h"
#include "kernel/tty/tty.h"
#include "kernel/vdso/vdso.h"
#include "kernel/wait.h"
#include "mm/mm.h"
#include "mm/slab.h"
#include "mm/vmalloc.h"
#include "tests/kernel/ktest.h"

static const struct boot_info *boot;

/* ---- pid 1 ---- */

/* The program that compressed an archive, told by its first bytes; NULL: none that is known. */
static const char *compression(const u8 *data, size_t size)
{
	static const struct {
		const char *name;
		u8 len, magic[6];
	} kinds[] = {
		{"gzip", 2, {0x1f, 0x8b}},
		{"xz", 6, {0xfd, '7', 'z', 'X', 'Z', 0}},
		{"zstd", 4, {0x28, 0xb5, 0x2f, 0xfd}},
		{"bzip2", 3, {'B', 'Z', 'h'}},
		{"lzma", 3, {0x5d, 0, 0}},
		{"lzop", 4, {0x89, 'L', 'Z', 'O'}},
		{"lz4", 4, {0x04, 0x22, 0x4d, 0x18}},
		{"lz4", 4, {0x02, 0x21, 0x4c, 0x18}},
	};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (size >= kinds[i].len && memcmp(data, kinds[i].magic, kinds[i].len) == 0)
			return kinds[i].name;
	return NULL;
}

static void unpack_initramfs(void)
{
	if (boot_option(boot, "initramfs", NULL, 0)) /* grub.cfg adds it: see tools/mkiso */
		pr_err("initramfs: the loader found no room for it in this machine's memory\n");
	else if (boot->nr_modules == 0)
		pr_info("initramfs: the loader brought none; there is the shell, and no other program\n");
	for (u32 i = 0; i < boot->nr_modules; i++) {
		const struct boot_module *m = &boot->modules[i];
		const char *name = strcmp(m->name, "initramfs") ? m->name : "";
		const char *blank = *name ? " " : "", *why = "";
		const u8 *data = phys_to_virt(m->start);
		const char *by = compression(data, m->end - m->start);
		int err = by ? 0 : initramfs_unpack(data, m->end - m->start, &why);

		if (by)
			pr_err("initramfs%s%s: compressed by %s, which this kernel does not unpack: pass it uncompressed\n",
			       blank, name, by);
		else if (err)
			pr_err("initramfs%s%s: %s; what came before it is there\n", blank, name,
			       why);
		else
			pr_info("initramfs%s%s: %lu KiB unpacked\n", blank, name,
				(m->end - m->start) / 1024);
		free_reserved_range(m->start, m->end);
	}
}

static bool init_started; /* set by the task that becomes the init= program, read after its end */

static int run_init_program(void *path)
{
	static const char *const envp[] = {"PATH=/bin:/sbin:/usr/bin:/usr/sbin", "HOME=/",
					   "TERM=linux", "USER=root", NULL};
	const char *argv[] = {path, NULL};
	long err = -ENOMEM;

	current->files = files_create();
	if (current->files)
		err = files_open_console(current->files);
	if (!err) {
		console_set_owner(false);
		err = kernel_execve(path, argv, envp);
	}
	if (err) {
		console_set_owner(true);
		pr_err("init=%s: cannot run it: %s; here is the shell\n", (char *)path,
		       errno_name(-err));
		do_exit(127 << 8);
	}
	init_started = true;
	return 0; /* to user mode */
}

/* init=PATH: run it and switch off with its status, for scripts. Returns if it cannot be run. */
static void run_init(char *path)
{
	struct wait_result r;
	pid_t pid;
	int status;

	set_handler(current->sighand, SIGCHLD, (u64)SIG_DFL);
	pid = kernel_thread(run_init_program, path, "init");
	if (pid < 0)
		panic("init=%s: cannot fork\n", path);
	do
		do_wait(PIDTYPE_MAX, 0, WEXITED | __WALL, &r);
	while (r.pid != pid);
	set_handler(current->sighand, SIGCHLD, (u64)SIG_IGN);
	if (!init_started)
		return;
	status = r.status & 0x7f ? 128 + (r.status & 0x7f) : r.status >> 8;
	pr_info("init=%s ended with status %d\n", path, status);
	arch_poweroff(status);
}

static void run_tests(const char *suite)
{
	int failures = ktest_run(suite);

	if (failures == -ENOENT)
		pr_err("test=%s: no such suite\n", suite);
	arch_poweroff(failures == 0 ? 0 : 1);
}

/* What is plugged in is known before the greeting, which says whether there is a keyboard. */
static void start_usb(void)
{
	struct task *p;

	if (!arch_usb_find())
		return;
	p = kthread_create(arch_usb_main, NULL, "usb");
	if (IS_ERR(p)) {
		pr_err("usb: no memory for the thread that serves it\n");
		return;
	}
	put_task(p);
	arch_usb_wait();
}

static int kernel_init(void *unused __maybe_unused)
{
	static char option[64], first_line[128];

	child_reaper = current;
	/* Orphans that end are forgotten at once: this task does not wait for them. */
	set_handler(current->sighand, SIGCHLD, (u64)SIG_IGN);
	arch_smp_init();
	vdso_init(); /* the kind of clock is known now */
	console_tty_start();
	start_usb();
	unpack_initramfs();

	if (boot_option(boot, "test", option, sizeof(option)))
		run_tests(option);
	if (boot_option(boot, "init", option, sizeof(option)))
		run_init(option);
	if (boot_option(boot, "selftest.fail", option, sizeof(option)))
		selftest_fail(option);
	boot_option(boot, "cmd", first_line, sizeof(first_line));
	if (kernel_thread(shell_main, first_line, "shell") < 0)
		panic("no memory for the shell\n");
	for (;;) {
		current->state = TASK_UNINTERRUPTIBLE;
		schedule();
	}
}

/* ---- pid 0 ---- */

landmark void start_kernel(const struct boot_info *boot_info)
{
	boot = boot_info;
	arch_early_init(boot);
	arch_console_early_init(boot);
	symbols_init(boot);
	pr_info("Bident%s%s, a kernel about fork; loaded by %s\n", *boot_commit() ? " " : "",
		boot_commit(), boot->loader);
	tunables_from_cmdline(boot);
	early_mm_init(boot);
	arch_paging_init(boot);
	page_alloc_init();
	slab_init();
	arch_cache_init();
	vmalloc_init();
	log_init();
	mm_init();
	arch_irq_init();
	arch_time_init();
	time_init();
	random_init();
	init_idle(&init_task, this_cpu());
	pid_init();
	cred_init();
	signal_init();
	futex_init();
	fork_init();
	init_task_init();
	fs_init();
	coredump_init();
	console_tty_init();
	arch_console_init();
	init_task.fs = fs_context_create();
	local_irq_enable();

	preempt_disable(); /* until there is a pid 2 as well: pid 1 needs it */
	if (!init_task.fs || kernel_thread(kernel_init, NULL, "init") != 1 ||
	    kernel_thread(kthreadd, NULL, "kthreadd") != 2)
		panic("no memory for the first tasks\n");
	preempt_enable_no_resched();
	cpu_idle();
}
