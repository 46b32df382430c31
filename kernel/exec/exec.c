/*
 * A new program in an old task: execve(2).
 *
 * Two phases. In the first every failure leaves the old program as it was: the strings are copied
 * out of the old address space, a new one is built beside it, and the program is mapped into that.
 * In the second the other threads are made to exit, and what the process shares with others is
 * replaced by copies; if there is no memory for those, a process that has lost threads is killed.
 * From commit_exec() on nothing can fail, and the task becomes the new program.
 */
#include "kernel/exec/exec.h"

#include "kernel/attachment.h"
#include "kernel/exec/args.h"
#include "kernel/exec/exec_creds.h"
#include "kernel/exec/layout.h"
#include "kernel/exec/load_elf.h"
#include "kernel/exec/script.h"
#include "kernel/exit.h"
#include "kernel/fork.h"
#include "kernel/fs/vfs.h"
#include "kernel/lib/log.h"
#include "kernel/lib/string.h"
#include "kernel/lib/syscall.h"
#include "kernel/perf/perf.h"
#include "kernel/ptrace/ptrace.h"
#include "kernel/sharing.h"
#include "kernel/task.h"
#include "kernel/timers/posix_timer.h"
#include "kernel/trace/trace.h"
#include "kernel/vdso/vdso.h"
#include "mm/mm.h"
#include "mm/slab.h"

#define STACK_SLACK (128 * 1024UL) /* mapped at once below the strings */

/* ---- a whole address space ---- */

static long map_stack(struct mm *mm, const struct exec_strings *s, u64 top, bool exec)
{
	u64 pointers = (s->argc + s->envc + 2 * MAX_AUX + 8) * sizeof(u64);
	struct area stack = {
		.start = top - ALIGN_UP(s->used + pointers + STACK_SLACK, PAGE_SIZE),
		.end = top,
		.flags = AREA_READ | AREA_WRITE | (exec ? AREA_EXEC : 0) | AREA_GROWSDOWN |
			 AREA_STACK,
	};

	return mm_place(mm, &stack, 1);
}

static void set_limits(struct mm *mm, const struct exec_creds *creds)
{
	const struct rlimit64 *rlim = current->signal->rlim;

	mm->limit_stack = exec_creds_stack_limit(creds);
	mm->limit_data = rlim[RLIMIT_DATA].rlim_cur;
	mm->limit_as = rlim[RLIMIT_AS].rlim_cur;
}

struct exec_image {
	struct mm *mm;
	u64 entry, sp;
};

/* Not an errno: the program's segments cannot be mapped as they say. */
#define TOO_LATE (-4095L)

/* Map all parts of a program. Returns the stack pointer, -ENOMEM, or -EINVAL for a broken file. */
static long fill_image(struct mm *mm, struct file *f, const struct elf_image *img,
		       const struct exec_interp *interp, const struct exec_strings *s,
		       const struct exec_creds *creds, u64 *entry)
{
	struct exec_layout l;
	long ret;

	layout_choose(&l, mm, img->pie, creds->personality);
	ret = exec_map_program(mm, img, &l, f);
	*entry = img->entry + l.bias;
	if (!ret)
		ret = map_stack(mm, s, l.stack_top, img->exec_stack)
			      ?: exec_map_interp(mm, interp, &l, entry);
	if (!ret && *entry >= TASK_SIZE)
		ret = -EINVAL;
	return ret ?: vdso_map(mm, &l.vdso) ?: exec_build_stack(mm, s, img, &l, creds);
}

static long build_parsed(struct file *f, const struct elf_image *img,
			 const struct exec_interp *interp, const struct exec_strings *s,
			 const struct exec_creds *creds, struct exec_image *out)
{
	struct mm *mm = mm_create();
	u64 entry;
	long ret;

	if (!mm)
		return -ENOMEM;
	set_limits(mm, creds);
	mm->dumpable = creds->dumpable; /* before any task can find it */
	mm->core_filter = current->mm ? current->mm->core_filter : 0;
	file_hold(f);
	mm->exe = f;
	ret = fill_image(mm, f, img, interp, s, creds, &entry);
	if (ret >= 0) {
		*out = (struct exec_image){.mm = mm, .entry = entry, .sp = ret};
		return 0;
	}
	mm_put(mm);
	return ret == -ENOMEM ? ret : TOO_LATE;
}

/* Phase one: make a whole new address space. 0; or -errno or TOO_LATE, with nothing left of it. */
static long build_image(struct file *f, const struct exec_head *head, const struct exec_strings *s,
			const struct exec_creds *creds, struct exec_image *out)
{
	struct exec_interp interp;
	struct elf_image img;
	long ret = exec_parse(f, head, &img);

	if (ret)
		return ret;
	if (!img.program)
		ret = -ENOEXEC;
	else if (!file_object(f))
		ret = -EACCES;
	else
		ret = exec_open_interp(f, &img, &interp);
	if (!ret) {
		ret = build_parsed(f, &img, &interp, s, creds, out);
		exec_drop_interp(&interp);
	}
	exec_drop_image(&img);
	return ret;
}

/* ---- one thread remains ---- */

/* Take the place of the leader, including its pid. The leader is a zombie that is not reported. */
static void become_leader(struct task *p)
{
	struct task *leader = p->group_leader;

	spin_lock(&tasklist_lock);
	swap_numbers(p, leader);
	for (int type = 0; type < PIDTYPE_LISTS; type++)
		move_pid(leader, type, p);
	list_add(&p->sibling, &leader->sibling);
	list_del(&leader->sibling);
	p->in_jobs = leader->in_jobs;
	p->real_parent = leader->real_parent;
	if (!is_traced(p))
		p->parent = p->real_parent;
	p->group_leader = leader->group_leader = p->signal->leader = p;
	p->birth = leader->birth;
	p->start_time = leader->start_time;
	p->exit_signal = SIGCHLD;
	leader->exit_signal = -1;
	guarded(leader, exit_state) = TASK_DEAD;
	task_charge(leader);
	if (is_traced(leader)) /* its tracer waits for a task that is gone */
		wake_up_all(&leader->parent->signal->wait_chld);
	spin_unlock(&tasklist_lock);
	release_task(leader);
}

static bool others_are_gone(struct task *p)
{
	guard_spin(&tasklist_lock);
	if (thread_group_leader(p))
		return p->signal->nr_threads == 1;
	return p->signal->nr_threads == 2 && p->group_leader->exit_state == TASK_ZOMBIE;
}

/* Sleep until all other threads have ended. False: the whole group is being killed. A tracer may
 * take its time until it reaps a thread. */
static bool wait_for_others(struct task *p)
{
	bool gone;

	for (;;) {
		p->state = TASK_KILLABLE;
		barrier();
		gone = others_are_gone(p);
		if (gone || fatal_signal_pending(p))
			break;
		schedule();
	}
	p->state = TASK_RUNNING;
	return gone;
}

/* End all other threads. 0: there were none; 1; -EAGAIN: the group is dying, or another thread is
 * in its exec. */
static int de_thread(struct task *p)
{
	struct signal *sig = p->signal;
	u64 flags;

	if (sig->nr_threads == 1)
		return 0;
	flags = spin_lock_irqsave(&p->sighand->lock);
	if (sig->group_exit || sig->exec_task) {
		spin_unlock_irqrestore(&p->sighand->lock, flags);
		return -EAGAIN;
	}
	sig->exec_task = p;
	zap_other_threads(p);
	spin_unlock_irqrestore(&p->sighand->lock, flags);

	if (!wait_for_others(p)) {
		flags = spin_lock_irqsave(&p->sighand->lock);
		sig->exec_task = NULL;
		spin_unlock_irqrestore(&p->sighand->lock, flags);
		return -EAGAIN;
	}
	if (!thread_group_leader(p))
		become_leader(p);
	flags = spin_lock_irqsave(&p->sighand->lock);
	sig->exec_task = NULL;
	sig->live = 1;
	spin_unlock_irqrestore(&p->sighand->lock, flags);
	return 1;
}

/* ---- phase two ---- */

void exec_adopt_mm(struct mm *mm)
{
	struct mm *old = current->mm, *borrowed;
	u64 flags;

	spin_lock(&current->lock);
	complete_vfork_done(current);
	if (old)
		current->signal->gone.max_pages =
			MAX(current->signal->gone.max_pages, mm_peak_resident(old));
	flags = local_irq_save();
	borrowed = old ? NULL : current->active_mm; /* a switch would change it */
	guarded(current, mm) = current->active_mm = mm;
	arch_load_mm(mm);
	local_irq_restore(flags);
	spin_unlock(&current->lock);
	if (old)
		mm_put(old);
	if (borrowed)
		mm_drop(borrowed);
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* Private copies of what clone shared: descriptors and handlers. All are allocated before anything
 * changes. No task can join meanwhile: current is the only thread left to clone one. */
struct exec_private {
	struct files *files;     /* NULL: was not shared */
	struct sighand *sighand; /* likewise */
};

static int make_private(struct task *p, struct exec_private *own)
{
	*own = (struct exec_private){0};
	if (files_users(p->files) > 1 && !(own->files = files_clone(p->files)))
		return -ENOMEM;
	if (refcount_read(&p->sighand->count) > 1 && !(own->sighand = clone_sighand(p->sighand)))
		return -ENOMEM;
	return 0;
}

static void drop_private(struct exec_private *own)
{
	if (own->files)
		files_put(own->files);
	if (own->sighand)
		put_sighand(own->sighand);
}

static void commit_exec(struct task *p, const char *path, struct exec_image *img,
			struct exec_private *own, struct exec_creds *creds)
{
	/* --- cannot fail from here --- */
	if (own->files)
		replace_files(own->files);
	posix_timers_exit(p); /* before the lock that guards them changes */
	if (own->sighand)
		replace_sighand(p, own->sighand);
	mm_release(p, true);
	exec_adopt_mm(img->mm);
	exec_creds_commit(creds);
	exec_perf(p);
	p->flags &= ~(PF_FORKNOEXEC | PF_KTHREAD);
	p->exit_signal = SIGCHLD; /* clone(2): another signal was meant for the old program */
	p->self_exec_id++;
	p->sas_sp = p->sas_size = 0;
	p->rseq = (struct rseq_registration){0};
	strlcpy(p->comm, base_name(path), sizeof(p->comm));
	flush_signal_handlers(p);
	files_close_on_exec(p->files);
	start_thread(task_pt_regs(p), img->entry, img->sp);
	release_attachment(p); /* last: its holder looks at the name and the memory */
}

/* 0, or -errno: the old program goes on, or is killed when its other threads are gone already. */
static long start_image(const struct exec_args *args, struct exec_image *img,
			struct exec_creds *creds)
{
	struct exec_private own;
	pid_t old_pid = current->pid_nr; /* it becomes the leader's */
	int ended = de_thread(current);
	long err;

	if (ended < 0)
		return ended;
	err = make_private(current, &own);
	if (err) {
		drop_private(&own);
		if (ended)
			force_sig(SIGKILL); /* execve(2): past the point of no return */
		return err;
	}
	commit_exec(current, args->path, img, &own, creds);
	trace_sched_process_exec(current, args->path, old_pid);
	return 0;
}

/* Die as on Linux, where the old program is already gone when this error is found. */
static long die_of_image(const struct exec_args *args)
{
	if (!args->kernel)
		force_fatal_sig(SIGSEGV);
	return -ENOEXEC;
}

static long exec_elf(struct file *f, const struct exec_head *head, const struct exec_args *args)
{
	struct exec_strings *strings scoped(exec_strings_free) = exec_strings_gather(args);
	struct exec_image img = {0};
	struct exec_creds creds;
	long err;

	if (IS_ERR(strings))
		return PTR_ERR(strings);
	err = exec_creds_prepare(&creds, f);
	if (err)
		return err;
	err = build_image(f, head, strings, &creds, &img) ?: start_image(args, &img, &creds);
	if (err && img.mm)
		mm_put(img.mm);
	exec_creds_finish(&creds);
	return err == TOO_LATE ? die_of_image(args) : err;
}

static long exec_path(const char *path, struct exec_args *args, int depth);

/* Run the file that was found under this name; `depth` scripts are in front of it. */
static long exec_file(struct file *f, const char *path, struct exec_args *args, int depth)
{
	char *interp, *arg;
	long err;
	struct exec_head *head scoped(kfree) = exec_read_head(f, &err);

	if (err)
		return err;
	if (head->n < 2 || head->bytes[0] != '#' || head->bytes[1] != '!')
		return exec_elf(f, head, args);
	if (!script_split_line(head->bytes, MIN(head->n, SCRIPT_LINE_MAX - 1UL), &interp, &arg))
		return -ENOEXEC;
	if (args->unreachable)
		return -ENOENT;
	if (depth == EXEC_MAX_SCRIPTS)
		return -ELOOP;
	script_prepend(args, path, interp, arg);
	return exec_path(interp, args, depth + 1);
}

static long exec_path(const char *path, struct exec_args *args, int depth)
{
	struct file *f scoped(file_put) = open_exec(AT_FDCWD, path, WALK_FOLLOW);

	return IS_ERR(f) ? PTR_ERR(f) : exec_file(f, path, args, depth);
}

long kernel_execve(const char *path, const char *const *argv, const char *const *envp)
{
	struct exec_args args = {.path = path, .argv = argv, .envp = envp, .kernel = true};
	int err = arch_prepare_user();

	return err ? err : exec_path(path, &args, 0);
}

/* execve(2): after a setuid(2) over RLIMIT_NPROC, exec fails until the user is within it. */
static bool too_many_tasks(void)
{
	if (likely(!(current->flags & PF_NPROC_EXCEEDED)))
		return false;
	if (cred_over_limit(current->cred))
		return true;
	current->flags &= ~PF_NPROC_EXCEEDED;
	return false;
}

/* The task that had this thread id has become the new program. */
static long tell_tracer(long err, pid_t tid)
{
	if (!err)
		ptrace_exec_event(tid);
	return err;
}

long sys_execve(const char __user *upath, const char __user *const __user *argv,
		const char __user *const __user *envp)
{
	char *path scoped(putname) = getname(upath);
	struct exec_args args = {.path = path, .argv = argv, .envp = envp};
	pid_t tid = current->pid_nr;

	if (IS_ERR(path))
		return PTR_ERR(path);
	return too_many_tasks() ? -EAGAIN : tell_tracer(exec_path(path, &args, 0), tid);
}

/* execveat(2): the name of a program that was found from a descriptor. */
static char *name_from_fd(int dirfd, const char *path)
{
	size_t size = sizeof("/dev/fd/-2147483648/") + strlen(path);
	char *name = kmalloc(size);

	if (name)
		snprintf(name, size, *path ? "/dev/fd/%d/%s" : "/dev/fd/%d", dirfd, path);
	return name;
}

static long exec_from(int dirfd, const char *path, u32 walk, struct exec_args *args)
{
	bool by_fd = *path != '/' && dirfd != AT_FDCWD;
	char *name scoped(kfree) = by_fd ? name_from_fd(dirfd, path) : NULL;
	struct file *f scoped(file_put) = NULL;

	if (by_fd && !name)
		return -ENOMEM;
	f = open_exec(dirfd, path, walk);
	args->path = by_fd ? name : path;
	/* an interpreter that opens the script by this name would find the descriptor closed */
	args->unreachable = by_fd && fd_cloexec(dirfd, -1) > 0;
	return IS_ERR(f) ? PTR_ERR(f) : exec_file(f, args->path, args, 0);
}

long sys_execveat(int dirfd, const char __user *upath, const char __user *const __user *argv,
		  const char __user *const __user *envp, int flags)
{
	struct exec_args args = {.argv = argv, .envp = envp};
	char *path scoped(putname) = NULL;
	pid_t tid = current->pid_nr;

	if (flags & ~(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW))
		return -EINVAL;
	path = flags & AT_EMPTY_PATH ? getname_empty(upath) : getname(upath);
	if (IS_ERR(path))
		return PTR_ERR(path);
	return too_many_tasks()
		       ? -EAGAIN
		       : tell_tracer(exec_from(dirfd, path, walk_flags(flags), &args), tid);
}
