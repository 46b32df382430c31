/* Suite "exec": a program made by hand, every way its start can fail, and what exec must refuse. */
#include "kernel/exec/elf.h"
#include "kernel/exec/exec.h"
#include "kernel/fork.h"
#include "kernel/fs/fs.h"
#include "kernel/lib/fault_injection.h"
#include "kernel/lib/log.h"
#include "kernel/lib/string.h"
#include "kernel/lib/uapi.h"
#include "tests/kernel/ktest.h"
#include "tests/kernel/user_task.h"

#define PROGRAM "/exec-test"

/* One page: header, program headers, and code that exits with argc. */
static struct program {
	Elf64_Ehdr eh;
	Elf64_Phdr text, bss;
	u8 code[16];
} program;

static const u8 exit_with_argc[] = {
	0x8b, 0x3c,
	0x24, /* mov edi, [rsp] */
	0xb8, __NR_exit_group,
	0,    0,
	0,          /* mov eax, nr */
	0x0f, 0x05, /* syscall */
	0x0f, 0x0b, /* ud2 */
};

static void make_program(void)
{
	program = (struct program){
		.eh = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB},
		       .e_type = ET_EXEC,
		       .e_machine = EM_X86_64,
		       .e_entry = 0x400000 + offsetof(struct program, code),
		       .e_phoff = offsetof(struct program, text),
		       .e_phentsize = sizeof(Elf64_Phdr),
		       .e_phnum = 2},
		.text = {.p_type = PT_LOAD,
			 .p_flags = PF_R | PF_X,
			 .p_vaddr = 0x400000,
			 .p_filesz = sizeof(program),
			 .p_memsz = sizeof(program)},
		.bss = {.p_type = PT_LOAD,
			.p_flags = PF_R | PF_W,
			.p_vaddr = 0x600000,
			.p_memsz = 0x3000},
	};
	memcpy(program.code, exit_with_argc, sizeof(exit_with_argc));
}

static long exec_result;

static int exec_thread(void *path)
{
	static const char *const argv[] = {"exec-test", "one", "two", NULL};
	static const char *const envp[] = {"A=b", NULL};

	current->files = files_create();
	exec_result = current->files ? kernel_execve(path, argv, envp) : -ENOMEM;
	return exec_result ? 0xff00 : 0;
}

/* The wait status of a process that executes `path`. */
static int run(const char *path)
{
	return user_wait(kernel_thread(exec_thread, (void *)path, "exec"));
}

static void put_file(const char *path, const void *data, size_t n, mode_t mode)
{
	EXPECT_EQ(kernel_write_file(path, data, n, mode), 0);
}

KTEST(exec, runs_with_arguments)
{
	make_program();
	put_file(PROGRAM, &program, sizeof(program), 0755);
	EXPECT_EQ(run(PROGRAM), 3 << 8);
	EXPECT_EQ(exec_result, 0);
	EXPECT_EQ(kernel_unlink(PROGRAM), 0);
}

KTEST(exec, script)
{
	static const char line[] = "#! " PROGRAM "  an argument \nthe rest is not ours\n";

	make_program();
	put_file(PROGRAM, &program, sizeof(program), 0755);
	put_file("/exec-script", line, sizeof(line) - 1, 0755);
	/* interpreter, "an argument", the script, "one", "two" */
	EXPECT_EQ(run("/exec-script"), 5 << 8);
	EXPECT_EQ(kernel_unlink("/exec-script"), 0);
	EXPECT_EQ(kernel_unlink(PROGRAM), 0);
}

static void expect_error(const void *data, size_t n, mode_t mode, long error)
{
	put_file(PROGRAM, data, n, mode);
	EXPECT_EQ(run(PROGRAM), 0xff00);
	EXPECT_EQ(exec_result, error);
	EXPECT_EQ(kernel_unlink(PROGRAM), 0);
}

KTEST(exec, refusals)
{
	EXPECT_EQ(run("/nothing here"), 0xff00);
	EXPECT_EQ(exec_result, -ENOENT);
	EXPECT_EQ(run("/dev"), 0xff00);
	EXPECT_EQ(exec_result, -EACCES);
	make_program();
	expect_error(&program, sizeof(program), 0644, -EACCES);
	expect_error(&program, 10, 0755, -ENOEXEC);
	expect_error("", 0, 0755, -ENOEXEC);
	expect_error("#!", 2, 0755, -ENOEXEC);
	expect_error("#!/nothing here\n", 16, 0755, -ENOENT);
	expect_error("#!" PROGRAM "\n", sizeof(PROGRAM) + 2, 0755, -ELOOP);
	program.eh.e_type = ET_REL;
	expect_error(&program, sizeof(program), 0755, -ENOEXEC);
	make_program();
	program.eh.e_entry = 0x1000; /* nothing is mapped there */
	put_file(PROGRAM, &program, sizeof(program), 0755);
	EXPECT_EQ(run(PROGRAM), SIGSEGV);
	EXPECT_EQ(kernel_unlink(PROGRAM), 0);
}

/* A failure before the point of no return gives -ENOMEM to the caller. After that point, at the new
 * program's first page faults, the fault handler retries. */
static bool exec_with_fault(struct fault_site *site, u32 n)
{
	struct account before, after;
	bool reached;
	int status;

	account_take(&before);
	fault_arm(site->name, n);
	status = run(PROGRAM);
	reached = site->countdown == 0;
	fault_arm(site->name, 0);
	if (status < 0) /* no thread could be made */
		EXPECT(reached);
	else if (status != 3 << 8)
		EXPECT(reached && status == 0xff00 && exec_result == -ENOMEM);
	account_take(&after);
	if (!EXPECT(account_equal(&before, &after)))
		console_printf("# after failure %u of site %s\n", n, site->name);
	return reached;
}

KTEST(exec, faults)
{
	make_program();
	put_file(PROGRAM, &program, sizeof(program), 0755);
	run(PROGRAM);
	LINKER_SET_FOREACH(fault_sites, site)
	{
		u32 n = 1;

		while (exec_with_fault(*site, n) && EXPECT(n < 1000))
			n++;
		if (n > 1)
			console_printf("# %s: %u places\n", (*site)->name, n - 1);
	}
	EXPECT_EQ(kernel_unlink(PROGRAM), 0);
}
