/*
 * A new program in an old task: execve(2).
 *
 * Two phases. First everything that can fail: the strings are copied out of the old address space,
 * a new one is built beside it, and the program is mapped into that. Then the other threads are
 * made to exit, what the process shares with others is replaced by copies, and the task moves over:
 * from commit_exec() on there is no way back, and nothing that could fail.
 */
#include "kernel/elf.h"
#include "kernel/exec_args.h"
#include "kernel/exec_creds.h"
#include "kernel/exec_layout.h"
#include "kernel/exec_script.h"
#include "kernel/fs/vfs.h"
#include "kernel/lib/log.h"
#include "kernel/lib/string.h"
#include "kernel/shell/puppet.h"
#include "kernel/sys/syscall.h"
#include "kernel/task.h"
#include "kernel/time/posix_timer.h"
#include "kernel/trace/trace.h"
#include "kernel/unshare.h"
#include "kernel/vdso/vdso.h"
#include "mm/mm.h"
#include "mm/slab.h"

#define HEAD_BYTES  1008           /* with its length, one kmalloc() of 1 KiB */
#define STACK_SLACK (128 * 1024UL) /* mapped at once below the strings */

/* ---- mapping the program ---- */

static u32 area_flags_of(const struct elf_segment *seg)
{
	return (seg->flags & PF_R ? AREA_READ : 0) | (seg->flags & PF_W ? AREA_WRITE : 0) |
	       (seg->flags & PF_X ? AREA_EXEC : 0);
}

/* The areas of one segment: its part of the file, and anonymous pages for what is beyond. */
static u32 segment_areas(const struct elf_segment *seg, u64 bias, struct file *f, struct area *out)
{
	u64 start = ALIGN_DOWN(seg->vaddr + bias, PAGE_SIZE);
	u64 end = ALIGN_UP(seg->vaddr + bias + seg->memsz, PAGE_SIZE);
	u64 file_end = seg->filesz ? ALIGN_UP(seg->vaddr + bias + seg->filesz, PAGE_SIZE) : start;
	u32 n = 0;

	if (file_end > start)
		out[n++] = (struct area){.start = start,
					 .end = file_end,
					 .flags = area_flags_of(seg),
					 .obj = file_object(f),
					 .file = f,
					 .pgoff = seg->offset >> PAGE_SHIFT};
	if (end > file_end)
		out[n++] =
			(struct area){.start = file_end, .end = end, .flags = area_flags_of(seg)};
	return n;
}

/* What lies behind a segment's part of the file, on its last page, is zeroes: to the end of the
 * page, since ld.so takes its first memory from behind its own data. */
static long zero_behind(struct mm *mm, const struct elf_segment *seg, u64 bias)
{
	u64 file_end = seg->vaddr + bias + seg->filesz;

	if (!(seg->flags & PF_W) || !seg->filesz || seg->memsz == seg->filesz ||
	    file_end % PAGE_SIZE == 0)
		return 0;
	return mm_own_first_part(mm, file_end) == FAULT_OK ? 0 : -ENOMEM;
}

static long map_segments(struct mm *mm, const struct elf_image *img, u64 bias, struct file *f)
{
	struct area areas[2 * ELF_MAX_SEGMENTS];
	u32 n = 0;
	long err;

	for (unsigned int i = 0; i < img->nr; i++)
		n += segment_areas(&img->seg[i], bias, f, &areas[n]);
	err = mm_place(mm, areas, n);
	for (unsigned int i = 0; i < img->nr && !err; i++)
		err = zero_behind(mm, &img->seg[i], bias);
	return err == -EEXIST ? -ENOEXEC : err;
}

static long map_program(struct mm *mm, const struct elf_image *img, const struct exec_layout *l,
			struct file *f)
{
	u64 bias = l->bias;
	const struct elf_segment *last = &img->seg[img->nr - 1];
	long err = map_segments(mm, img, bias, f);

	if (err)
		return err;
	for (unsigned int i = 0; i < img->nr; i++) {
		const struct elf_segment *seg = &img->seg[i];

		if (seg->flags & PF_X && !mm->start_code) {
			mm->start_code = seg->vaddr + bias;
			mm->end_code = seg->vaddr + bias + seg->filesz;
		}
		mm->start_data = seg->vaddr + bias;
		mm->end_data = seg->vaddr + bias + seg->filesz;
	}
	mm->start_brk = mm->brk =
		ALIGN_UP(last->vaddr + bias + last->memsz, PAGE_SIZE) + l->heap_skip;
	return 0;
}

static long read_exact(struct file *f, void *buf, size_t n, u64 pos)
{
	ssize_t got = kernel_read(f, buf, n, pos);

	if (got < 0)
		return got;
	return (size_t)got == n ? 0 : -ENOEXEC;
}

/* The beginning of a file: most often it holds all of the headers. */
struct exec_head {
	size_t n;
	union {
		Elf64_Ehdr eh;
		char bytes[HEAD_BYTES];
	};
};

/* NULL without memory; -errno in *err if it cannot be read. */
static struct exec_head *read_head(struct file *f, long *err)
{
	struct exec_head *head = kmalloc(sizeof(*head));
	ssize_t n = head ? kernel_read(f, head->bytes, sizeof(head->bytes), 0) : -ENOMEM;

	*err = n < 0 ? n : 0;
	if (head)
		head->n = n < 0 ? 0 : (size_t)n;
	return head;
}

static long read_phdrs(struct file *f, const struct exec_head *head, struct elf_image *img)
{
	size_t n = head->eh.e_phnum * sizeof(Elf64_Phdr);
	Elf64_Phdr *ph = kmalloc(n);
	long err;

	if (!ph)
		return -ENOMEM;
	err = read_exact(f, ph, n, head->eh.e_phoff);
	if (!err)
		err = elf_parse(&head->eh, ph, file_size(f), img);
	kfree(ph);
	return err;
}

static long parse_elf(struct file *f, const struct exec_head *head, struct elf_image *img)
{
	const Elf64_Ehdr *eh = &head->eh;
	long err = head->n < sizeof(*eh) ? -ENOEXEC : elf_check_header(eh, file_size(f));

	if (err)
		return err;
	if (eh->e_phoff % sizeof(u64) || eh->e_phoff > head->n ||
	    eh->e_phnum * sizeof(Elf64_Phdr) > head->n - eh->e_phoff)
		return read_phdrs(f, head, img);
	return elf_parse(eh, (const Elf64_Phdr *)(head->bytes + eh->e_phoff), file_size(f), img);
}

static long read_elf(struct file *f, struct elf_image *img)
{
	long err;
	struct exec_head *head = read_head(f, &err);

	if (!err)
		err = parse_elf(f, head, img);
	kfree(head);
	return err;
}

/* ---- the interpreter: ld.so(8), which loads the libraries of a dynamic program ---- */

/* Open what PT_INTERP names. ERR_PTR. */
static struct file *open_interpreter(struct file *program, const struct elf_image *img)
{
	char *path = kmalloc(img->interp_len);
	struct file *f;
	long err;

	if (!path)
		return ERR_PTR(-ENOMEM);
	err = read_exact(program, path, img->interp_len, img->interp_at);
	if (!err && path[img->interp_len - 1])
		err = -ENOEXEC;
	f = err ? ERR_PTR(err) : open_exec(AT_FDCWD, path, WALK_FOLLOW);
	kfree(path);
	return f;
}

/* Room for all of a relocatable image where mmap() would put it; *bias moves it there. */
static long find_room(struct mm *mm, const struct elf_image *img, u64 *bias)
{
	const struct elf_segment *first = &img->seg[0], *last = &img->seg[img->nr - 1];
	u64 start = ALIGN_DOWN(first->vaddr, PAGE_SIZE);
	u64 len = ALIGN_UP(last->vaddr + last->memsz, PAGE_SIZE) - start;
	long at = mm_find_room(mm, len);

	if (at < 0)
		return at;
	*bias = (u64)at - start;
	return 0;
}

/* 0, also for a static program, which needs none: then *entry stays as it is. */
static long map_interpreter(struct mm *mm, struct file *program, const struct elf_image *img,
			    struct exec_layout *l, u64 *entry)
{
	struct elf_image interp;
	struct file *f;
	long err;

	if (!img->interp_len)
		return 0;
	f = open_interpreter(program, img);
	if (IS_ERR(f))
		return PTR_ERR(f);
	err = file_object(f) ? read_elf(f, &interp) : -EACCES;
	if (err == -ENOEXEC)
		err = -ELIBBAD; /* execve(2): the interpreter is not in a recognized format */
	if (!err && interp.pie)
		err = find_room(mm, &interp, &l->interp);
	if (!err)
		err = map_segments(mm, &interp, l->interp, f);
	if (!err && !file_is_readable(f))
		mm->dumpable = 0;
	*entry = l->interp + interp.entry;
	file_put(f);
	return err;
}

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

static long map_vdso(struct mm *mm, struct exec_layout *l)
{
	long at = vdso_map(mm);

	if (at < 0)
		return at;
	l->vdso = (u64)at;
	return 0;
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

/* Phase one: a whole new address space. 0 or -errno, and then nothing is left of it. */
static long build_image(struct file *f, const struct exec_head *head, const struct exec_strings *s,
			const struct exec_creds *creds, struct exec_image *out)
{
	struct exec_layout l;
	struct elf_image img;
	long ret = parse_elf(f, head, &img);
	struct mm *mm;
	u64 entry;

	if (ret)
		return ret;
	if (!file_object(f))
		return -EACCES;
	mm = mm_create();
	if (!mm)
		return -ENOMEM;
	set_limits(mm, creds);
	layout_choose(&l, mm, img.pie, creds->personality);
	mm->dumpable = creds->dumpable; /* before any task can find it */
	file_hold(f);
	mm->exe = f;
	entry = img.entry + l.bias;
	ret = map_program(mm, &img, &l, f);
	if (!ret)
		ret = map_stack(mm, s, l.stack_top, img.exec_stack);
	if (!ret)
		ret = map_interpreter(mm, f, &img, &l, &entry);
	if (!ret)
		ret = map_vdso(mm, &l);
	if (!ret)
		ret = exec_build_stack(mm, s, &img, &l, creds);
	if (ret < 0) {
		mm_put(mm);
		return ret;
	}
	*out = (struct exec_image){.mm = mm, .entry = entry, .sp = ret};
	return 0;
}

/* ---- one thread remains ---- */

/* The leader is gone and waits as a zombie for us to be reported in its stead: take its place, pid
 * and all. */
static void become_leader(struct task *p)
{
	struct task *leader = p->group_leader;
	struct pid *own;

	spin_lock(&tasklist_lock);
	own = unlink_pid(p, PIDTYPE_PID);
	for (int type = 0; type < PIDTYPE_MAX; type++)
		attach_pid(p, type, unlink_pid(leader, type));
	attach_pid(leader, PIDTYPE_PID, own);
	p->pid_nr = leader->pid_nr;
	leader->pid_nr = own->nr;
	list_add(&p->sibling, &leader->sibling);
	list_del(&leader->sibling);
	list_add(&p->all, &leader->all);
	list_del(&leader->all);
	p->real_parent = leader->real_parent;
	p->parent = leader->parent;
	p->group_leader = leader->group_leader = p->signal->leader = p;
	p->birth = leader->birth;
	p->exit_signal = SIGCHLD;
	leader->exit_signal = -1;
	leader->exit_state = TASK_DEAD;
	task_charge(leader);
	spin_unlock(&tasklist_lock);
	release_task(leader);
}

static bool others_are_gone(struct task *p)
{
	bool gone;

	spin_lock(&tasklist_lock);
	if (thread_group_leader(p))
		gone = p->signal->nr_threads == 1;
	else
		gone = p->signal->nr_threads == 2 && p->group_leader->exit_state == TASK_ZOMBIE;
	spin_unlock(&tasklist_lock);
	return gone;
}

/* End all other threads. 0, or -EAGAIN when the group is dying or another thread is ahead of us
 * with its exec. */
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

	for (;;) {
		p->state = TASK_UNINTERRUPTIBLE;
		barrier();
		if (others_are_gone(p))
			break;
		schedule();
	}
	p->state = TASK_RUNNING;
	if (!thread_group_leader(p))
		become_leader(p);
	flags = spin_lock_irqsave(&p->sighand->lock);
	sig->exec_task = NULL;
	sig->live = 1;
	spin_unlock_irqrestore(&p->sighand->lock, flags);
	return 0;
}

/* ---- phase two ---- */

void exec_adopt_mm(struct mm *mm)
{
	struct mm *old = current->mm, *borrowed;
	u64 flags;

	spin_lock(&tasklist_lock); /* others look at our mm under it */
	complete_vfork_done(current);
	if (old)
		current->signal->gone.max_pages =
			MAX(current->signal->gone.max_pages, mm_peak_resident(old));
	flags = local_irq_save();
	borrowed = old ? NULL : current->active_mm; /* a switch would change it */
	current->mm = current->active_mm = mm;
	arch_load_mm(mm);
	local_irq_restore(flags);
	spin_unlock(&tasklist_lock);
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

/* What exec leaves private of what clone shared: descriptors and handlers. Everything is allocated
 * before anything changes, and no task can join: current is the only thread left to clone one. */
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
	exit_puppet(p);
	mm_release(p, true);
	exec_adopt_mm(img->mm);
	exec_creds_commit(creds);
	p->flags &= ~(PF_FORKNOEXEC | PF_KTHREAD);
	p->exit_signal = SIGCHLD; /* clone(2): what was asked for held for the old program */
	p->self_exec_id++;
	p->sas_sp = p->sas_size = 0;
	strlcpy(p->comm, base_name(path), sizeof(p->comm));
	flush_signal_handlers(p);
	files_close_on_exec(p->files);
	start_thread(task_pt_regs(p), img->entry, img->sp);
	trace_sched_process_exec(p, path);
}

/* 0, or -errno: the old program goes on, or is killed when its other threads are gone already. */
static long start_image(const struct exec_args *args, struct exec_image *img,
			struct exec_creds *creds)
{
	bool threads = READ_ONCE(current->signal->nr_threads) > 1;
	struct exec_private own;
	long err = de_thread(current);

	if (err)
		return err;
	err = make_private(current, &own);
	if (err) {
		drop_private(&own);
		if (threads)
			force_sig(SIGKILL); /* execve(2): past the point of no return */
		return err;
	}
	commit_exec(current, args->path, img, &own, creds);
	return 0;
}

static long exec_elf(struct file *f, const struct exec_head *head, const struct exec_args *args)
{
	struct exec_strings *strings = exec_strings_gather(args);
	struct exec_creds creds;
	struct exec_image img;
	long err;

	if (IS_ERR(strings))
		return PTR_ERR(strings);
	err = exec_creds_prepare(&creds, f);
	if (err)
		goto out_strings;
	err = build_image(f, head, strings, &creds, &img);
	if (err)
		goto out_creds;
	err = start_image(args, &img, &creds);
	if (err)
		mm_put(img.mm);
out_creds:
	exec_creds_finish(&creds);
out_strings:
	exec_strings_free(strings);
	return err;
}

static long exec_path(const char *path, struct exec_args *args, int depth);

/* Run the file that was found under this name, whatever it is; `depth` scripts are in front of it.
 */
static long exec_file(struct file *f, const char *path, struct exec_args *args, int depth)
{
	char *interp, *arg;
	long err;
	struct exec_head *head = read_head(f, &err);

	if (err) {
		kfree(head);
		return err;
	}
	if (head->n < 2 || head->bytes[0] != '#' || head->bytes[1] != '!') {
		err = exec_elf(f, head, args);
	} else if (!script_split_line(head->bytes, MIN(head->n, SCRIPT_LINE_MAX - 1UL), &interp,
				      &arg)) {
		err = -ENOEXEC;
	} else if (args->unreachable) {
		err = -ENOENT;
	} else if (depth == EXEC_MAX_SCRIPTS) {
		err = -ELOOP;
	} else {
		script_prepend(args, path, interp, arg);
		err = exec_path(interp, args, depth + 1);
	}
	kfree(head);
	return err;
}

static long exec_path(const char *path, struct exec_args *args, int depth)
{
	struct file *f = open_exec(AT_FDCWD, path, WALK_FOLLOW);
	long err;

	if (IS_ERR(f))
		return PTR_ERR(f);
	err = exec_file(f, path, args, depth);
	file_put(f);
	return err;
}

long kernel_execve(const char *path, const char *const *argv, const char *const *envp)
{
	struct exec_args args = {.path = path, .argv = argv, .envp = envp, .kernel = true};
	int err = arch_prepare_user();

	return err ? err : exec_path(path, &args, 0);
}

long sys_execve(const char __user *upath, const char __user *const __user *argv,
		const char __user *const __user *envp)
{
	char *path = getname(upath);
	struct exec_args args = {.path = path, .argv = argv, .envp = envp};
	long err;

	if (IS_ERR(path))
		return PTR_ERR(path);
	err = exec_path(path, &args, 0);
	putname(path);
	return err;
}

/* execveat(2): what a program found from a descriptor is called. */
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
	char *name = by_fd ? name_from_fd(dirfd, path) : NULL;
	struct file *f;
	long err;

	if (by_fd && !name)
		return -ENOMEM;
	f = open_exec(dirfd, path, walk);
	args->path = by_fd ? name : path;
	/* an interpreter that opens the script by this name would find the descriptor closed */
	args->unreachable = by_fd && fd_cloexec(dirfd, -1) > 0;
	if (IS_ERR(f)) {
		err = PTR_ERR(f);
	} else {
		err = exec_file(f, args->path, args, 0);
		file_put(f);
	}
	kfree(name);
	return err;
}

long sys_execveat(int dirfd, const char __user *upath, const char __user *const __user *argv,
		  const char __user *const __user *envp, int flags)
{
	struct exec_args args = {.argv = argv, .envp = envp};
	char *path;
	long err;

	if (flags & ~(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW))
		return -EINVAL;
	path = flags & AT_EMPTY_PATH ? getname_empty(upath) : getname(upath);
	if (IS_ERR(path))
		return PTR_ERR(path);
	err = exec_from(dirfd, path, walk_flags(flags), &args);
	putname(path);
	return err;
}
