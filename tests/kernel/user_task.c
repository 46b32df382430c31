/* A user process without a program file. */
#include "tests/kernel/user_task.h"

#include "kernel/exec/exec.h"
#include "kernel/fork.h"
#include "kernel/fs/fs.h"
#include "kernel/lib/string.h"
#include "kernel/lib/syscall.h"
#include "kernel/wait.h"
#include "mm/mm.h"

static const u8 code[] = {
	/* SCRIPT_EXIT */
	0xb8, __NR_exit_group, 0, 0, 0, /* mov eax, nr */
	0x0f, 0x05,                     /* syscall */
	0x0f, 0x0b,                     /* ud2 */
	/* SCRIPT_PAUSE */
	0xb8, __NR_pause, 0, 0, 0, /* mov eax, nr */
	0x0f, 0x05,                /* syscall */
	0x31, 0xff,                /* xor edi, edi */
	0xeb, 0xec,                /* jmp SCRIPT_EXIT */
	/* SCRIPT_SPIN */
	0xeb, 0xfe, /* jmp itself */
	/* SCRIPT_EXEC */
	0xb8, __NR_execve, 0, 0, 0, /* mov eax, nr */
	0x0f, 0x05,                 /* syscall */
	0x0f, 0x0b,                 /* ud2 */
};

static bool map_context(struct mm *mm, unsigned int data_pages)
{
	struct vm_object *obj = object_create("test code", PAGE_SIZE);
	struct page *page;
	bool ok = false;

	if (!obj)
		return false;
	if (object_get_page(obj, 0, true, &page) == 0) {
		memcpy(page_to_virt(page), code, sizeof(code));
		put_page(page);
		ok = mm_map(mm, USER_CODE, PAGE_SIZE, AREA_READ | AREA_EXEC, obj, 0, MM_FIXED) >
			     0 &&
		     mm_map(mm, USER_DATA, data_pages * PAGE_SIZE, AREA_READ | AREA_WRITE, NULL, 0,
			    MM_FIXED) > 0;
	}
	object_put(obj);
	for (u64 i = 0; ok && i < data_pages; i++)
		ok = user_poke(mm, USER_DATA + i * PAGE_SIZE, i);
	return ok;
}

bool user_context_enter(unsigned int data_pages)
{
	struct mm *mm = mm_create();

	if (!mm)
		return false;
	mm->limit_as = mm->limit_data = mm->limit_stack = RLIM64_INFINITY;
	mm->mmap_base = 0x7ffff7fff000UL;
	current->files = files_create();
	if (!current->files || !map_context(mm, data_pages) || arch_prepare_user() != 0) {
		mm_put(mm);
		if (current->files)
			files_put(current->files);
		current->files = NULL;
		return false;
	}
	exec_adopt_mm(mm);
	start_thread(task_pt_regs(current), USER_CODE, 0x7fffffff0000UL);
	user_script(SCRIPT_EXIT, 0);
	return true;
}

void user_script(enum user_script script, int status)
{
	struct pt_regs *regs = task_pt_regs(current);

	regs->rip = USER_CODE + script;
	regs->rdi = status;
}

/* What exec is given, at USER_DATA. */
struct exec_words {
	u64 argv[2];
	char path[24], name[24];
};

void user_exec(const char *path, const char *argv0)
{
	struct pt_regs *regs = task_pt_regs(current);
	struct exec_words words = {.argv = {USER_DATA + offsetof(struct exec_words, name)}};

	strlcpy(words.path, path, sizeof(words.path));
	strlcpy(words.name, argv0, sizeof(words.name));
	mm_access(current->mm, USER_DATA, &words, sizeof(words), true);
	regs->rip = USER_CODE + SCRIPT_EXEC;
	regs->rdi = USER_DATA + offsetof(struct exec_words, path);
	regs->rsi = USER_DATA;
	regs->rdx = 0;
}

void user_context_leave(void)
{
	struct mm *mm = current->mm;
	u64 flags = local_irq_save();

	mm_grab(mm);
	current->mm = NULL;
	current->active_mm = mm;
	local_irq_restore(flags);
	mm_put(mm);
	files_put(current->files);
	current->files = NULL;
}

pid_t user_fork(u64 flags)
{
	struct kernel_clone_args args = {.flags = flags, .exit_signal = SIGCHLD};

	return do_fork(&args);
}

int user_wait(pid_t nr)
{
	struct wait_result r;
	long ret = do_wait(PIDTYPE_PID, nr, WEXITED | __WALL, &r);

	return ret < 0 ? (int)ret : r.status;
}

u64 user_peek(struct mm *mm, u64 addr)
{
	u64 value = ~0UL;

	return mm_access(mm, addr, &value, sizeof(value), false) == sizeof(value) ? value : ~0UL;
}

bool user_poke(struct mm *mm, u64 addr, u64 value)
{
	return mm_access(mm, addr, &value, sizeof(value), true) == sizeof(value);
}
