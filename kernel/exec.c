/*
 * A new program in an old task: execve(2).
 *
 * Two phases. First everything that can fail: the strings are copied out of the old address space,
 * a new one is built beside it, and the program is mapped into that. Then the other threads are
 * made to exit, and the task moves over: from commit_exec() on there is no way back, and nothing
 * that could fail.
 */
#include "kernel/elf.h"
#include "kernel/fs/fs.h"
#include "kernel/lib/log.h"
#include "kernel/lib/string.h"
#include "kernel/shell/puppet.h"
#include "kernel/sigqueue.h"
#include "kernel/sys/syscall.h"
#include "kernel/task.h"
#include "kernel/trace/trace.h"
#include "mm/mm.h"
#include "mm/slab.h"

#define STACK_TOP        TASK_SIZE
#define MMAP_BASE        0x7ffff7fff000UL /* Linux's, with randomisation off */
#define PIE_BASE         0x555555554000UL /* likewise */
#define PATH_MAX_LEN     4096
#define MAX_STRING       (128 * 1024UL) /* one argument: MAX_ARG_STRLEN */
#define MAX_STRING_PAGES 512            /* all of them: a quarter of the usual 8 MiB stack */
#define STACK_SLACK      (128 * 1024UL) /* mapped at once below the strings */

/* ---- the strings: argv, then envp, then the file name, as they will lie at the top of the stack
 * ---- */

struct exec_strings {
	char *page[MAX_STRING_PAGES];
	size_t used; /* bytes over all pages */
	int argc, envc;
	size_t envp_at, name_at; /* where the environment and the file name begin */
};

static void free_strings(struct exec_strings *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < DIV_ROUND_UP(s->used, PAGE_SIZE); i++)
		kfree(s->page[i]);
	kfree(s);
}

/* Room at the end: how many bytes of the current page are free, after making a new one if there are
 * none. */
static long string_room(struct exec_strings *s)
{
	size_t i = s->used / PAGE_SIZE;

	if (s->used % PAGE_SIZE)
		return PAGE_SIZE - s->used % PAGE_SIZE;
	if (i == MAX_STRING_PAGES)
		return -E2BIG;
	s->page[i] = kmalloc(PAGE_SIZE);
	return s->page[i] ? (long)PAGE_SIZE : -ENOMEM;
}

static long add_bytes(struct exec_strings *s, const void *src, size_t n)
{
	const char *from = src;

	while (n > 0) {
		long room = string_room(s);
		size_t chunk;

		if (room < 0)
			return room;
		chunk = MIN(n, (size_t)room);
		memcpy(s->page[s->used / PAGE_SIZE] + s->used % PAGE_SIZE, from, chunk);
		s->used += chunk;
		from += chunk;
		n -= chunk;
	}
	return 0;
}

static long add_user_string(struct exec_strings *s, const char __user *from)
{
	size_t total = 0;

	for (;;) {
		long room = string_room(s), n;

		if (room < 0)
			return room;
		n = strncpy_from_user(s->page[s->used / PAGE_SIZE] + s->used % PAGE_SIZE,
				      from + total, room);
		if (n < 0) {
			s->used += s->used % PAGE_SIZE ==
				   0; /* count the fresh page, so that it is freed */
			return n;
		}
		if (n < room) {
			s->used += n + 1; /* with its NUL */
			return 0;
		}
		s->used += n;
		total += n;
		if (total >= MAX_STRING)
			return -E2BIG;
	}
}

static long add_user_vector(struct exec_strings *s, const char __user *const __user *vec)
{
	int n = 0;

	if (!vec)
		return 0; /* Linux takes NULL for an empty list */
	for (;; n++) {
		const char __user *str;
		long err = get_user(str, &vec[n]);

		if (err)
			return err;
		if (!str)
			return n;
		err = add_user_string(s, str);
		if (err)
			return err;
		if (fatal_signal_pending(current))
			return -EINTR;
	}
}

static long add_kernel_vector(struct exec_strings *s, const char *const *vec)
{
	int n = 0;

	for (; vec && vec[n]; n++) {
		long err = add_bytes(s, vec[n], strlen(vec[n]) + 1);

		if (err)
			return err;
	}
	return n;
}

/* argv and envp are user vectors, or kernel ones when `kernel`. */
static struct exec_strings *gather_strings(const char *path, const void *argv, const void *envp,
					   bool kernel)
{
	struct exec_strings *s = kzalloc(sizeof(*s));
	long n;

	if (!s)
		return ERR_PTR(-ENOMEM);
	n = kernel ? add_kernel_vector(s, argv) : add_user_vector(s, argv);
	if (n == 0) /* a program must find its name: Linux 5.18 and later pass an empty one */
		n = add_bytes(s, "", 1) ?: 1;
	if (n < 0)
		goto fail;
	s->argc = n;
	s->envp_at = s->used;
	n = kernel ? add_kernel_vector(s, envp) : add_user_vector(s, envp);
	if (n < 0)
		goto fail;
	s->envc = n;
	s->name_at = s->used;
	n = add_bytes(s, path, strlen(path) + 1);
	if (n < 0)
		goto fail;
	return s;
fail:
	free_strings(s);
	return ERR_PTR(n);
}

/* ---- mapping the program ---- */

static u32 area_flags_of(const struct elf_segment *seg)
{
	return (seg->flags & PF_R ? AREA_READ : 0) | (seg->flags & PF_W ? AREA_WRITE : 0) |
	       (seg->flags & PF_X ? AREA_EXEC : 0);
}

static long zero_user(struct mm *mm, u64 addr, u64 len)
{
	static const char zeroes[256];

	while (len > 0) {
		size_t n = MIN(len, sizeof(zeroes));

		if (mm_access(mm, addr, (void *)zeroes, n, true) != n)
			return -ENOMEM;
		addr += n;
		len -= n;
	}
	return 0;
}

/* One segment: its part of the file, the zeroed rest of the last page, and anonymous pages for what
 * is beyond. */
static long map_segment(struct mm *mm, const struct elf_segment *seg, u64 bias,
			struct vm_object *obj)
{
	u64 start = ALIGN_DOWN(seg->vaddr + bias, PAGE_SIZE);
	u64 file_end = seg->vaddr + bias + seg->filesz;
	u64 mem_end = seg->vaddr + bias + seg->memsz;
	u64 file_pages_end = seg->filesz ? ALIGN_UP(file_end, PAGE_SIZE) : start;
	u32 flags = area_flags_of(seg);
	long ret = 0;

	if (file_pages_end > start)
		ret = mm_map(mm, start, file_pages_end - start, flags, obj,
			     (seg->offset & PAGE_MASK) >> PAGE_SHIFT, MM_FIXED_NOREPLACE);
	if (ret >= 0 && mem_end > file_pages_end)
		ret = mm_map(mm, file_pages_end, ALIGN_UP(mem_end, PAGE_SIZE) - file_pages_end,
			     flags, NULL, 0, MM_FIXED_NOREPLACE);
	if (ret >= 0 && (flags & AREA_WRITE) && file_pages_end > start &&
	    file_end < file_pages_end && seg->memsz > seg->filesz)
		ret = zero_user(mm, file_end, MIN(mem_end, file_pages_end) - file_end);
	return ret < 0 ? ret : 0;
}

static long map_program(struct mm *mm, const struct elf_image *img, u64 bias, struct vm_object *obj)
{
	const struct elf_segment *last = &img->seg[img->nr - 1];

	for (unsigned int i = 0; i < img->nr; i++) {
		const struct elf_segment *seg = &img->seg[i];
		long err = map_segment(mm, seg, bias, obj);

		if (err)
			return err == -EEXIST ? -ENOEXEC : err;
		if (seg->flags & PF_X && !mm->start_code) {
			mm->start_code = seg->vaddr + bias;
			mm->end_code = seg->vaddr + bias + seg->filesz;
		}
		mm->start_data = seg->vaddr + bias;
		mm->end_data = seg->vaddr + bias + seg->filesz;
	}
	mm->start_brk = mm->brk = ALIGN_UP(last->vaddr + bias + last->memsz, PAGE_SIZE);
	return 0;
}

static long read_exact(struct file *f, void *buf, size_t n, u64 pos)
{
	ssize_t got = kernel_read(f, buf, n, pos);

	if (got < 0)
		return got;
	return (size_t)got == n ? 0 : -ENOEXEC;
}

static long read_elf(struct file *f, struct elf_image *img)
{
	Elf64_Ehdr eh;
	Elf64_Phdr *ph;
	long err = read_exact(f, &eh, sizeof(eh), 0);

	if (!err)
		err = elf_check_header(&eh, file_size(f));
	if (err)
		return err;
	ph = kmalloc(eh.e_phnum * sizeof(*ph));
	if (!ph)
		return -ENOMEM;
	err = read_exact(f, ph, eh.e_phnum * sizeof(*ph), eh.e_phoff);
	if (!err)
		err = elf_parse(&eh, ph, file_size(f), img);
	kfree(ph);
	if (!err && img->has_interp)
		err = -ENOEXEC; /* dynamic programs: CAVEATS.md */
	return err;
}

/* ---- the initial stack: System V ABI AMD64, figure 3.9 ---- */

#define MAX_AUX 24

struct stack_writer {
	struct mm *mm;
	u64 sp;
	bool failed;
};

static void stack_put(struct stack_writer *w, const void *buf, size_t n)
{
	if (mm_access(w->mm, w->sp, (void *)buf, n, true) != n)
		w->failed = true;
	w->sp += n;
}

static void stack_put_u64(struct stack_writer *w, u64 v)
{
	stack_put(w, &v, sizeof(v));
}

static void put_aux(u64 *aux, unsigned int *n, u64 type, u64 value)
{
	aux[(*n)++] = type;
	aux[(*n)++] = value;
}

static unsigned int fill_auxv(u64 *aux, const struct elf_image *img, u64 bias, u64 random,
			      u64 platform, u64 execfn)
{
	const struct cred *cred = current->cred;
	unsigned int n = 0;

	put_aux(aux, &n, AT_HWCAP, arch_hwcap());
	put_aux(aux, &n, AT_PAGESZ, PAGE_SIZE);
	put_aux(aux, &n, AT_CLKTCK, USER_HZ);
	put_aux(aux, &n, AT_PHDR, img->phdr_vaddr ? img->phdr_vaddr + bias : 0);
	put_aux(aux, &n, AT_PHENT, sizeof(Elf64_Phdr));
	put_aux(aux, &n, AT_PHNUM, img->phnum);
	put_aux(aux, &n, AT_BASE, 0);
	put_aux(aux, &n, AT_FLAGS, 0);
	put_aux(aux, &n, AT_ENTRY, img->entry + bias);
	put_aux(aux, &n, AT_UID, cred->uid);
	put_aux(aux, &n, AT_EUID, cred->euid);
	put_aux(aux, &n, AT_GID, cred->gid);
	put_aux(aux, &n, AT_EGID, cred->egid);
	put_aux(aux, &n, AT_SECURE, cred->uid != cred->euid || cred->gid != cred->egid);
	put_aux(aux, &n, AT_RANDOM, random);
	put_aux(aux, &n, AT_EXECFN, execfn);
	put_aux(aux, &n, AT_PLATFORM, platform);
	put_aux(aux, &n, AT_MINSIGSTKSZ, arch_min_sigstack());
	put_aux(aux, &n, AT_NULL, 0);
	BUG_ON(n > 2 * MAX_AUX);
	return n;
}

/* One pointer for each of n strings that lie one behind the other; `at` counts bytes in the arena.
 */
static void put_pointers(struct stack_writer *w, const struct exec_strings *s, u64 base, size_t *at,
			 int n)
{
	while (n-- > 0) {
		stack_put_u64(w, base + *at);
		while (s->page[*at / PAGE_SIZE][*at % PAGE_SIZE])
			(*at)++;
		(*at)++;
	}
	stack_put_u64(w, 0);
}

/* Returns the initial stack pointer, or -ENOMEM. */
static long build_stack(struct mm *mm, const struct exec_strings *s, const struct elf_image *img,
			u64 bias)
{
	static const char platform[] = "x86_64";
	u64 strings = STACK_TOP - 8 - s->used;
	u64 random_at = ALIGN_DOWN(strings - 16 - sizeof(platform), 16);
	u64 aux[2 * MAX_AUX], random[2];
	unsigned int n = fill_auxv(aux, img, bias, random_at, random_at + 16, strings + s->name_at);
	u64 words = 1 + s->argc + 1 + s->envc + 1 + n;
	u64 sp = ALIGN_DOWN(random_at - words * sizeof(u64), 16);
	struct stack_writer w = {.mm = mm, .sp = sp};
	size_t at = 0;

	stack_put_u64(&w, s->argc);
	put_pointers(&w, s, strings, &at, s->argc);
	put_pointers(&w, s, strings, &at, s->envc);
	stack_put(&w, aux, n * sizeof(u64));

	w.sp = random_at;
	random[0] = cpu_cycles() * 0x9e3779b97f4a7c15UL;
	random[1] = (random[0] ^ current->start_time) * 0xbf58476d1ce4e5b9UL;
	stack_put(&w, random, sizeof(random));
	stack_put(&w, platform, sizeof(platform));
	w.sp = strings;
	for (size_t done = 0; done < s->used; done += PAGE_SIZE)
		stack_put(&w, s->page[done / PAGE_SIZE], MIN(s->used - done, PAGE_SIZE));

	mm->start_stack = sp;
	mm->arg_start = strings;
	mm->arg_end = mm->env_start = strings + s->envp_at;
	mm->env_end = strings + s->name_at;
	return w.failed ? -ENOMEM : (long)sp;
}

static long map_stack(struct mm *mm, const struct exec_strings *s, bool exec)
{
	u64 pointers = (s->argc + s->envc + 2 * MAX_AUX + 8) * sizeof(u64);
	u64 size = ALIGN_UP(s->used + pointers + STACK_SLACK, PAGE_SIZE);
	long ret = mm_map(mm, STACK_TOP - size, size,
			  AREA_READ | AREA_WRITE | (exec ? AREA_EXEC : 0) | AREA_GROWSDOWN |
				  AREA_STACK,
			  NULL, 0, MM_FIXED_NOREPLACE);

	return ret < 0 ? ret : 0;
}

static void set_limits(struct mm *mm)
{
	const struct rlimit64 *rlim = current->signal->rlim;

	mm->limit_stack = rlim[RLIMIT_STACK].rlim_cur;
	mm->limit_data = rlim[RLIMIT_DATA].rlim_cur;
	mm->limit_as = rlim[RLIMIT_AS].rlim_cur;
	mm->mmap_base = MMAP_BASE;
}

struct exec_image {
	struct mm *mm;
	u64 entry, sp;
};

/* Phase one: a whole new address space. 0 or -errno, and then nothing is left of it. */
static long build_image(struct file *f, const struct exec_strings *s, struct exec_image *out)
{
	struct elf_image img;
	long ret = read_elf(f, &img);
	u64 bias = img.pie ? PIE_BASE : 0;
	struct mm *mm;

	if (ret)
		return ret;
	if (!file_object(f))
		return -EACCES;
	mm = mm_create();
	if (!mm)
		return -ENOMEM;
	set_limits(mm);
	ret = map_program(mm, &img, bias, file_object(f));
	if (!ret)
		ret = map_stack(mm, s, img.exec_stack);
	if (!ret)
		ret = build_stack(mm, s, &img, bias);
	if (ret < 0) {
		mm_put(mm);
		return ret;
	}
	*out = (struct exec_image){.mm = mm, .entry = img.entry + bias, .sp = ret};
	return 0;
}

/* ---- one thread remains ---- */

/* The leader is gone and waits as a zombie for us to be reported in its stead: take its place, pid
 * and all. */
static void become_leader(struct task *p)
{
	struct task *leader = p->group_leader;
	struct pid *own = p->pids[PIDTYPE_PID];

	spin_lock(&tasklist_lock);
	for (int type = 0; type < PIDTYPE_MAX; type++) {
		struct pid *pid = leader->pids[type];

		list_del(&leader->pid_links[type]);
		if (type == PIDTYPE_PID)
			list_del(&p->pid_links[type]);
		attach_pid(p, type, pid);
	}
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
	p->exit_signal = SIGCHLD;
	leader->exit_signal = -1;
	leader->exit_state = TASK_DEAD;
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
	struct mm *old = current->mm, *borrowed = old ? NULL : current->active_mm;
	u64 flags;

	spin_lock(&tasklist_lock); /* others look at our mm under it */
	flags = local_irq_save();
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
 * before anything changes. */
struct exec_private {
	struct files *files;     /* NULL: was not shared */
	struct sighand *sighand; /* likewise */
};

static int make_private(struct task *p, struct exec_private *own)
{
	*own = (struct exec_private){0};
	if (files_users(p->files) > 1 && !(own->files = files_clone(p->files)))
		return -ENOMEM;
	if (refcount_read(&p->sighand->count) > 1 && !(own->sighand = clone_sighand(p->sighand))) {
		if (own->files)
			files_put(own->files);
		return -ENOMEM;
	}
	return 0;
}

static void commit_exec(struct task *p, const char *path, struct exec_image *img,
			struct exec_private *own)
{
	/* --- cannot fail from here --- */
	if (own->files) {
		struct files *shared = p->files;

		p->files = own->files;
		files_put(shared);
	}
	if (own->sighand)
		replace_sighand(p, own->sighand);
	exit_puppet(p);
	mm_release(p);
	exec_adopt_mm(img->mm);
	p->flags &= ~(PF_FORKNOEXEC | PF_KTHREAD);
	p->exit_signal = SIGCHLD;
	p->sas_sp = p->sas_size = 0;
	strlcpy(p->comm, base_name(path), sizeof(p->comm));
	flush_signal_handlers(p);
	files_close_on_exec(p->files);
	start_thread(task_pt_regs(p), img->entry, img->sp);
	trace_sched_process_exec(p, path);
}

static long exec_file(struct file *f, const char *path, const struct exec_strings *strings)
{
	struct exec_private own;
	struct exec_image img;
	long err = build_image(f, strings, &img);

	if (err)
		return err;
	err = de_thread(current);
	if (!err)
		err = make_private(current, &own);
	if (err) {
		mm_put(img.mm);
		return err;
	}
	commit_exec(current, path, &img, &own);
	return 0;
}

static long exec_common(const char *path, const void *argv, const void *envp, bool kernel)
{
	struct file *f = open_exec(path);
	struct exec_strings *strings;
	long err;

	if (IS_ERR(f))
		return PTR_ERR(f);
	strings = gather_strings(path, argv, envp, kernel);
	err = IS_ERR(strings) ? PTR_ERR(strings) : exec_file(f, path, strings);
	if (!IS_ERR(strings))
		free_strings(strings);
	file_put(f);
	return err;
}

long do_execve(const char *path, const char __user *const __user *argv,
	       const char __user *const __user *envp)
{
	return exec_common(path, argv, envp, false);
}

long kernel_execve(const char *path, const char *const *argv, const char *const *envp)
{
	int err = arch_prepare_user();

	return err ? err : exec_common(path, argv, envp, true);
}

long sys_execve(const char __user *upath, const char __user *const __user *argv,
		const char __user *const __user *envp)
{
	char *path = kmalloc(PATH_MAX_LEN);
	long ret;

	if (!path)
		return -ENOMEM;
	ret = strncpy_from_user(path, upath, PATH_MAX_LEN);
	if (ret >= PATH_MAX_LEN)
		ret = -ENAMETOOLONG;
	else if (ret == 0)
		ret = -ENOENT;
	if (ret > 0)
		ret = do_execve(path, argv, envp);
	kfree(path);
	return ret;
}
