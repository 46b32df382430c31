/* Tab: completes the word at the cursor to a command, path, pid, flag or name. */
#include "kernel/fs/fs.h"
#include "kernel/lib/syscall.h"
#include "kernel/lib/tunable.h"
#include "kernel/shell/lineedit.h"
#include "kernel/shell/shell.h"

#define NAME_LEN 64

/* Names that begin with the word. The first pass finds their common prefix; if that is no longer
 * than the word, a second pass prints the list. */
struct matches {
	const char *word;
	size_t len;
	u32 n;
	char common[NAME_LEN];
	bool is_dir; /* of the only match */
	bool list;   /* second pass: print them */
};

static void match(struct matches *m, const char *name, bool is_dir)
{
	size_t i = 0;

	if (strncmp(name, m->word, m->len) != 0)
		return;
	if (m->list) {
		console_printf("%s%s  ", name, is_dir ? "/" : "");
		return;
	}
	m->is_dir = is_dir;
	if (m->n++ == 0) {
		strlcpy(m->common, name, sizeof(m->common));
		return;
	}
	while (m->common[i] && m->common[i] == name[i])
		i++;
	m->common[i] = '\0';
}

static void match_dirent(const char *name, bool is_dir, void *m)
{
	match(m, name, is_dir);
}

static void match_flag(const char *name, void *m)
{
	match(m, name, false);
}

static void match_commands(struct matches *m)
{
	LINKER_SET_FOREACH(shell_commands, it)
	match(m, (*it)->name, false);
}

/* A group of commands; some are named as a command is. */
static void match_group(const char *name, void *m)
{
	if (!shell_find_command(name))
		match(m, name, false);
}

static void match_help(struct matches *m)
{
	match_commands(m);
	help_groups_foreach(match_group, m);
}

static void match_tunables(struct matches *m)
{
	LINKER_SET_FOREACH(tunables, it)
	match(m, (*it)->name, false);
	match(m, "fail", false);
}

static void match_syscalls(struct matches *m)
{
	for (unsigned long nr = 0; nr < NR_SYSCALLS; nr++)
		if (syscall_info(nr))
			match(m, syscall_info(nr)->name, false);
}

/* Pids of all tasks; or, at the start of a command, of puppets, with a colon behind. */
static void match_pids(struct matches *m, bool puppets_only)
{
	struct task_list all;
	char text[16];

	if (task_list_get(&all) != 0)
		return;
	for (size_t i = 0; i < all.n; i++) {
		if (puppets_only && !all.task[i]->attached)
			continue;
		snprintf(text, sizeof(text), puppets_only ? "%d:" : "%d", all.task[i]->pid_nr);
		match(m, text, false);
	}
	task_list_free(&all);
}

/* "/bin/bu": a directory and the beginning of a name. */
static void match_path(struct matches *m)
{
	char dir[256];
	const char *slash = strrchr(m->word, '/');
	size_t n = (size_t)(slash - m->word) + 1;

	if (n >= sizeof(dir))
		return;
	strlcpy(dir, m->word, n + 1);
	m->len -= n;
	m->word = slash + 1;
	kernel_list_dir(dir, match_dirent, m);
}

/* Collect candidates, by the word itself and the command in front of it. */
static void collect(struct matches *m, const char *command, bool first)
{
	if (strchr(m->word, '/'))
		match_path(m);
	else if (first && *m->word >= '0' && *m->word <= '9')
		match_pids(m, true);
	else if (first)
		match_commands(m);
	else if (strcmp(command, "help") == 0)
		match_help(m);
	else if (strcmp(command, "set") == 0)
		match_tunables(m);
	else if (strcmp(command, "sys") == 0)
		match_syscalls(m);
	else if (strcmp(command, "clone") == 0)
		clone_flags_foreach(match_flag, m);
	else if (strcmp(command, "ptrace") == 0 && (*m->word < '0' || *m->word > '9'))
		ptrace_words_foreach(match_flag, m);
	else
		match_pids(m, false);
}

/* Find the next word at or behind `from`, up to *end; both are `limit` if there is none. */
static size_t next_word(const struct lineedit *e, size_t from, size_t limit, size_t *end)
{
	while (from < limit && e->buf[from] == ' ')
		from++;
	for (*end = from; *end < limit && e->buf[*end] != ' ';)
		++*end;
	return from;
}

/* The words before the command: one in "12: fork" and "time fork", two in "repeat 5 fork", or 0. */
static int words_before_command(const char *word, size_t n)
{
	if (n && word[n - 1] == ':')
		return 1;
	if (n == 4 && (strncmp(word, "time", n) == 0 || strncmp(word, "prof", n) == 0))
		return 1;
	if (n == 6 && strncmp(word, "strace", n) == 0)
		return 1;
	return n == 6 && strncmp(word, "repeat", n) == 0 ? 2 : 0;
}

/* Find the start of the word at the cursor, and the command it belongs to. */
static size_t find_word(const struct lineedit *e, char *command, size_t n, bool *first)
{
	size_t start = e->pos, from = 0, end;
	int skip = 0;

	while (start > 0 && !strchr(" ;&,", e->buf[start - 1]))
		start--;
	for (size_t i = 0; i < start; i++)
		if (e->buf[i] == ';' || e->buf[i] == '&')
			from = i + 1;
	from = next_word(e, from, start, &end);
	while (end < start && (skip = words_before_command(e->buf + from, end - from)) > 0)
		for (; skip > 0 && end < start; skip--)
			from = next_word(e, end, start, &end);
	*first = end == from && skip == 0;
	strlcpy(command, e->buf + from, MIN(end - from + 1, n));
	return start;
}

void shell_complete(struct lineedit *e)
{
	char word[256], command[32];
	bool first;
	size_t start = find_word(e, command, sizeof(command), &first);
	struct matches m = {.word = word};

	if (e->pos - start >= sizeof(word))
		return;
	strlcpy(word, e->buf + start, e->pos - start + 1);
	m.len = strlen(word);
	collect(&m, command, first);
	if (m.n == 0)
		return;
	if (strlen(m.common) > m.len)
		edit_insert(e, m.common + m.len);
	if (m.n == 1) {
		edit_insert(e, m.is_dir ? "/" : " ");
	} else if (strlen(m.common) == m.len) {
		struct matches again = {.word = word, .len = strlen(word), .list = true};

		console_printf("\n");
		collect(&again, command, first);
		console_printf("\n");
		edit_redraw(e);
	}
}
