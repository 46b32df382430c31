/*
 * What a new program finds on its stack: arguments, environment, auxiliary vector.
 *
 * The strings are collected in kernel pages first, in the order in which they will lie at the top
 * of the stack: argv, envp, the file name. After that the old address space is no longer needed for
 * them, and their number and size are known.
 */
#include "kernel/exec/args.h"

#include "kernel/lib/log.h"
#include "kernel/lib/random.h"
#include "kernel/lib/string.h"
#include "kernel/rseq/rseq.h"
#include "kernel/signal/sigqueue.h"
#include "kernel/task.h"
#include "mm/mm.h"
#include "mm/slab.h"
#include <linux/limits.h>

#define MAX_STRING (128 * 1024UL) /* one argument: Linux's MAX_ARG_STRLEN */

void exec_strings_free(struct exec_strings *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < DIV_ROUND_UP(s->used, PAGE_SIZE); i++)
		kfree(s->page[i]);
	if (s->page != s->few)
		kfree(s->page);
	kfree(s);
}

/* Move the pages to a longer list. */
static long more_pages(struct exec_strings *s)
{
	char **all = kmalloc(EXEC_MAX_STRING_PAGES * sizeof(*all));

	if (!all)
		return -ENOMEM;
	memcpy(all, s->few, sizeof(s->few));
	s->page = all;
	return 0;
}

/* Returns the bytes free in the current page, which is a new one if the last is full. */
static long string_room(struct exec_strings *s)
{
	size_t i = s->used / PAGE_SIZE;

	if (s->used % PAGE_SIZE)
		return PAGE_SIZE - s->used % PAGE_SIZE;
	if (i == EXEC_MAX_STRING_PAGES || s->used + s->pointers > s->limit)
		return -E2BIG;
	if (i == EXEC_FEW_PAGES && s->page == s->few && more_pages(s))
		return -ENOMEM;
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
		if (n < 0) { /* count the fresh page, so that it is freed */
			s->used += s->used % PAGE_SIZE == 0;
			return n;
		}
		total += n;
		s->used += n + (n < room); /* with its NUL */
		if (total >= MAX_STRING)
			return -E2BIG;
		if (n < room)
			return 0;
	}
}

/* Add the strings from element `from` on. Returns how many. */
static long add_user_vector(struct exec_strings *s, const char __user *const __user *vec, int from)
{
	int n = 0;

	if (!vec)
		return 0; /* Linux takes NULL for an empty list */
	for (;; n++) {
		const char __user *str;
		long err = get_user(str, &vec[from + n]);

		if (err)
			return err;
		if (!str)
			return n;
		s->pointers += sizeof(str);
		err = add_user_string(s, str);
		if (err)
			return err;
		if (s->used + s->pointers > s->limit)
			return -E2BIG;
		if (fatal_signal_pending(current))
			return -EINTR;
	}
}

static long add_kernel_vector(struct exec_strings *s, const char *const *vec, int from)
{
	int n = 0;

	for (; vec && vec[from + n]; n++) {
		long err = add_bytes(s, vec[from + n], strlen(vec[from + n]) + 1);

		if (err)
			return err;
	}
	return n;
}

static bool is_empty(const struct exec_args *args)
{
	const void *first = NULL;

	if (!args->argv)
		return true;
	if (args->kernel)
		return *(const char *const *)args->argv == NULL;
	return get_user(first, (const void __user *const __user *)args->argv) == 0 && !first;
}

static long add_argv(struct exec_strings *s, const struct exec_args *args)
{
	/* The prefix of a script takes the place of argv[0]. */
	int from = args->nr_prefix ? 1 : 0;
	long n;

	for (int i = 0; i < args->nr_prefix; i++) {
		n = add_bytes(s, args->prefix[i], strlen(args->prefix[i]) + 1);
		if (n < 0)
			return n;
	}
	/* A program must find a name in argv[0]: Linux 5.18 and later give an empty one. */
	if (is_empty(args))
		return args->nr_prefix ? args->nr_prefix : add_bytes(s, "", 1) ?: 1;
	n = args->kernel ? add_kernel_vector(s, args->argv, from)
			 : add_user_vector(s, args->argv, from);
	return n < 0 ? n : n + args->nr_prefix;
}

static long fill_strings(struct exec_strings *s, const struct exec_args *args)
{
	long n = add_argv(s, args);

	if (n < 0)
		return n;
	s->argc = n;
	s->envp_at = s->used;
	n = args->kernel ? add_kernel_vector(s, args->envp, 0) : add_user_vector(s, args->envp, 0);
	if (n < 0)
		return n;
	s->envc = n;
	s->name_at = s->used;
	n = add_bytes(s, args->path, strlen(args->path) + 1);
	if (!n && s->used + s->pointers > s->limit)
		n = -E2BIG;
	return n;
}

/* A quarter of the stack's limit, within bounds: execve(2). */
static size_t string_limit(void)
{
	u64 stack = current->signal->rlim[RLIMIT_STACK].rlim_cur;

	return MAX(MIN(stack / 4, EXEC_MAX_STRINGS), (u64)ARG_MAX);
}

struct exec_strings *exec_strings_gather(const struct exec_args *args)
{
	struct exec_strings *s = kmalloc(sizeof(*s));
	long err;

	if (!s)
		return ERR_PTR(-ENOMEM);
	*s = (struct exec_strings){.page = s->few};
	s->limit = string_limit();
	err = fill_strings(s, args);
	if (!err)
		return s;
	exec_strings_free(s);
	return ERR_PTR(err);
}

/* ---- the initial stack: System V ABI AMD64, figure 3.9 ---- */

/* Writes into the stack of a new mm. mm->lock is held, so the page found last stays in place. */
struct stack_writer {
	struct mm *mm;
	u64 sp;
	u64 page; /* whose memory is at `memory` */
	char *memory;
	bool failed;
};

/* The memory of the byte at sp, or NULL. */
static char *stack_at(struct stack_writer *w)
{
	u64 page = w->sp & PAGE_MASK;
	void *memory;

	if (page != w->page) {
		w->page = page;
		w->memory = NULL;
		if (mm_fault_locked(w->mm, page, ACCESS_WRITE, &memory) == FAULT_OK)
			w->memory = memory;
	}
	return w->memory ? w->memory + (w->sp & ~PAGE_MASK) : NULL;
}

static void stack_put(struct stack_writer *w, const void *buf, size_t n)
{
	const char *from = buf;

	while (n > 0 && !w->failed) {
		size_t part = MIN(n, PAGE_SIZE - (w->sp & ~PAGE_MASK));
		char *to = stack_at(w);

		if (to)
			memcpy(to, from, part);
		w->failed = !to;
		w->sp += part;
		from += part;
		n -= part;
	}
}

/* sp is a multiple of 8. Not by stack_put(): for a single word memcpy() costs more. */
static void stack_put_u64(struct stack_writer *w, u64 v)
{
	char *to = stack_at(w);

	if (to)
		*(u64 *)to = v;
	else
		w->failed = true;
	w->sp += sizeof(v);
}

/* Returns the words written. */
static unsigned int fill_auxv(u64 aux[AUXV_WORDS], const struct elf_image *img,
			      const struct exec_layout *l, const struct exec_creds *creds,
			      u64 random, u64 platform, u64 execfn)
{
	const struct cred *cred = creds->cred;
	const u64 entries[][2] = {
		{AT_SYSINFO_EHDR, l->vdso},
		{AT_HWCAP, arch_hwcap()},
		{AT_HWCAP2, arch_hwcap2()},
		{AT_PAGESZ, PAGE_SIZE},
		{AT_CLKTCK, USER_HZ},
		{AT_PHDR, img->phdr_vaddr ? img->phdr_vaddr + l->bias : 0},
		{AT_PHENT, sizeof(Elf64_Phdr)},
		{AT_PHNUM, img->phnum},
		{AT_BASE, l->interp},
		{AT_FLAGS, 0},
		{AT_ENTRY, img->entry + l->bias},
		{AT_UID, cred->uid},
		{AT_EUID, cred->euid},
		{AT_GID, cred->gid},
		{AT_EGID, cred->egid},
		{AT_SECURE, creds->secure},
		{AT_RANDOM, random},
		{AT_EXECFN, execfn},
		{AT_PLATFORM, platform},
		{AT_MINSIGSTKSZ, arch_min_sigstack()},
		{AT_RSEQ_FEATURE_SIZE, RSEQ_FEATURE_SIZE},
		{AT_RSEQ_ALIGN, RSEQ_ALIGN},
		{AT_NULL, 0},
	};

	_Static_assert(sizeof(entries) <= AUXV_WORDS * sizeof(u64), "they fit");
	memcpy(aux, entries, sizeof(entries));
	return sizeof(entries) / sizeof(u64);
}

/* Write pointers to n strings, then NULL. `*at`: the offset of the next string. */
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

long exec_build_stack(struct mm *mm, const struct exec_strings *s, const struct elf_image *img,
		      const struct exec_layout *l, const struct exec_creds *creds)
{
	static const char platform[] = "x86_64";
	u64 strings = l->stack_top - 8 - s->used;
	u64 random_at = ALIGN_DOWN(strings - 16 - sizeof(platform), 16) - l->stack_skip;
	u64 random[2];
	unsigned int n =
		fill_auxv(mm->auxv, img, l, creds, random_at, random_at + 16, strings + s->name_at);
	u64 words = 1 + s->argc + 1 + s->envc + 1 + n;
	u64 sp = ALIGN_DOWN(random_at - words * sizeof(u64), 16);
	struct stack_writer w = {.mm = mm, .sp = sp};
	size_t at = 0;

	mutex_lock(&mm->lock);
	stack_put_u64(&w, s->argc);
	put_pointers(&w, s, strings, &at, s->argc);
	put_pointers(&w, s, strings, &at, s->envc);
	stack_put(&w, mm->auxv, n * sizeof(u64));

	w.sp = random_at;
	random_bytes(random, sizeof(random));
	stack_put(&w, random, sizeof(random));
	stack_put(&w, platform, sizeof(platform));
	w.sp = strings;
	for (size_t done = 0; done < s->used; done += PAGE_SIZE)
		stack_put(&w, s->page[done / PAGE_SIZE], MIN(s->used - done, PAGE_SIZE));
	mutex_unlock(&mm->lock);

	mm->start_stack = sp;
	mm->arg_start = strings;
	mm->arg_end = mm->env_start = strings + s->envp_at;
	mm->env_end = strings + s->name_at;
	return w.failed ? -ENOMEM : (long)sp;
}
