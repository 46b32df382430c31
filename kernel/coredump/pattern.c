/* kernel.core_pattern, and the name that a dump gets by it: core(5), "Naming of core dump files".
 */
#include "kernel/coredump/internal.h"
#include "kernel/sys/utsname.h"
#include "kernel/time/timer.h"
#include "mm/mm.h"

#include <stdarg.h>

static spinlock_t pattern_lock = SPINLOCK_INIT(LOCK_UTS);
static char core_pattern[CORE_PATTERN_SIZE] = "core"; /* pattern_lock */
s64 core_uses_pid;

void core_pattern_get(char pattern[CORE_PATTERN_SIZE])
{
	guard_spin(&pattern_lock);
	memcpy(pattern, core_pattern, CORE_PATTERN_SIZE);
}

void core_pattern_set(const char *pattern)
{
	guard_spin(&pattern_lock);
	strlcpy(core_pattern, pattern, sizeof(core_pattern));
}

bool core_pattern_is_pipe(void)
{
	return READ_ONCE(core_pattern[0]) == '|';
}

/* Append text. It is cut at PATH_MAX, which core_name_make() notices. */
static void add(struct core_name *name, const char *fmt, ...) __printf(2, 3);
static void add(struct core_name *name, const char *fmt, ...)
{
	size_t room = PATH_MAX - name->len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(name->text + name->len, room, fmt, ap);
	va_end(ap);
	name->len += MIN((size_t)n, room - 1);
}

static void add_char(struct core_name *name, char c)
{
	if (name->len < PATH_MAX - 1)
		name->text[name->len++] = c;
}

/* Append text that a user has chosen: it must be part of one name, and neither "." nor "..". */
static void add_escaped(struct core_name *name, const char *text)
{
	size_t from = name->len, n;

	add(name, "%s", text);
	n = name->len - from;
	if (n == 0)
		add_char(name, '!');
	else if (name->text[from] == '.' && (n == 1 || (n == 2 && name->text[from + 1] == '.')))
		name->text[from] = '!';
	for (size_t i = from; i < name->len; i++)
		if (name->text[i] == '/')
			name->text[i] = '!';
}

static void add_exe(struct core_name *name, bool base_only)
{
	struct file *exe = current->mm->exe;
	char *path scoped(putname) = exe ? name_alloc() : NULL, *slash;

	if (!path) {
		add_escaped(name, current->comm);
		add(name, " (path unknown)");
		return;
	}
	file_describe(exe, path, PATH_MAX);
	slash = base_only ? strrchr(path, '/') : NULL;
	add_escaped(name, slash ? slash + 1 : path);
}

static void add_host(struct core_name *name)
{
	struct new_utsname now;

	utsname_get(&now);
	add_escaped(name, now.nodename);
}

/* What %c stands for. Unknown letters stand for nothing. */
static void add_specifier(struct core_name *name, char c, int sig)
{
	const struct task *p = current;

	switch (c) {
	case '%':
		return add_char(name, '%');
	case 'p':
	case 'P':
		return add(name, "%d", p->tgid_nr);
	case 'i':
	case 'I':
		return add(name, "%d", p->pid_nr);
	case 'u':
		return add(name, "%u", p->cred->uid);
	case 'g':
		return add(name, "%u", p->cred->gid);
	case 'd':
		return add(name, "%ld", READ_ONCE(p->mm->dumpable));
	case 's':
		return add(name, "%d", sig);
	case 't':
		return add(name, "%lu", ktime_get_real() / NSEC_PER_SEC);
	case 'c':
		return add(name, "%lu", (u64)p->signal->rlim[RLIMIT_CORE].rlim_cur);
	case 'C':
		return add(name, "%u", p->cpu);
	case 'h':
		return add_host(name);
	case 'e':
		return add_escaped(name, p->comm);
	case 'f':
		return add_exe(name, true);
	case 'E':
		return add_exe(name, false);
	}
}

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Blanks of the pattern, not of what it stands for, separate a program's arguments. */
static const char *next_word(struct core_name *name, const char *at)
{
	while (is_blank(*at))
		at++;
	if (*at && name->len)
		add_char(name, '\0');
	if (*at)
		name->arg_at[name->argc++] = (u16)name->len;
	return at;
}

bool core_name_make(struct core_name *name, int sig)
{
	char pattern[CORE_PATTERN_SIZE];
	const char *at = pattern;
	bool has_pid = false;

	core_pattern_get(pattern);
	*name = (struct core_name){.pipe = *pattern == '|', .text = name_alloc()};
	if (!name->text)
		return false;
	if (name->pipe)
		at = next_word(name, at + 1);
	while (*at) {
		if (name->pipe && is_blank(*at)) {
			at = next_word(name, at);
		} else if (*at != '%') {
			add_char(name, *at++);
		} else if (at[1]) {
			has_pid |= at[1] == 'p';
			add_specifier(name, at[1], sig);
			at += 2;
		} else {
			break; /* a % at the end stands for nothing */
		}
	}
	if (!name->pipe && !has_pid && READ_ONCE(core_uses_pid))
		add(name, ".%d", current->tgid_nr);
	name->text[name->len] = '\0';
	return name->len && name->len < PATH_MAX - 1;
}
