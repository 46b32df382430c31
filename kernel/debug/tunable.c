/* Named switches: found through their linker set, set from the command line or the shell. */
#include "boot/boot_info.h"
#include "kernel/debug/debug.h"
#include "kernel/lib/fault_injection.h"
#include "kernel/lib/log.h"
#include "kernel/lib/string.h"
#include "kernel/lib/tunable.h"
#include "kernel/lib/uapi.h"

static const struct tunable *find(const char *name)
{
	LINKER_SET_FOREACH(tunables, it)
	{
		if (strcmp((*it)->name, name) == 0)
			return *it;
	}
	return NULL;
}

/* Parse a value: one of its words, or a number. */
static int parse_value(const struct tunable *t, const char *text, s64 *out)
{
	for (long i = 0; t->words && t->words[i]; i++) {
		if (strcmp(t->words[i], text) == 0) {
			*out = i;
			return 0;
		}
	}
	return parse_s64(text, out);
}

static int set_value(const struct tunable *t, const char *value)
{
	s64 v;

	if (parse_value(t, value, &v) != 0 || v < t->min || v > t->max)
		return -EINVAL;
	__atomic_store_n(t->value, v, __ATOMIC_RELAXED);
	if (t->changed)
		t->changed();
	return 0;
}

int tunable_set(const char *name, const char *value)
{
	const struct tunable *t = find(name);

	if (t == NULL)
		return -ENOENT;
	return t->at_boot ? -EPERM : set_value(t, value);
}

/* The values of a switch: "0..1" or "pages|tables|tree". */
static const char *range_of(const struct tunable *t, char *buf, size_t size)
{
	int n = 0;

	if (t->words == NULL)
		scnprintf(buf, size, "%ld..%ld", t->min, t->max);
	for (long i = t->min; t->words && i <= t->max; i++)
		n += scnprintf(buf + n, size - n, "%s%s", i == t->min ? "" : "|", t->words[i]);
	return buf;
}

static void show_one(const struct tunable *t, void (*print)(const char *fmt, ...))
{
	long v = *t->value;
	char range[96];

	range_of(t, range, sizeof(range));
	if (t->words)
		print("%-20s %-10s %s (%s)\n", t->name, t->words[v], t->help, range);
	else
		print("%-20s %-10ld %s (%s)\n", t->name, v, t->help, range);
}

int tunables_show(const char *name, void (*print)(const char *fmt, ...))
{
	const struct tunable *t = name ? find(name) : NULL;

	if (name && t == NULL)
		return -ENOENT;
	LINKER_SET_FOREACH(tunables, it)
	{
		if (!t || *it == t)
			show_one(*it, print);
	}
	return 0;
}

/* Words of the command line that are no switches: take_word() takes `fail`, the loader `video`, and
 * kernel/main.c and boot/boot_main.c the others. */
static const char *const other_words[] = {"cmd",       "commit",        "fail", "init",
					  "initramfs", "selftest.fail", "test", "video"};

const char *tunable_nearest(const char *name)
{
	const char *nearest = NULL;
	u32 best = UINT32_MAX;

	LINKER_SET_FOREACH(tunables, it)
	{
		if (is_nearer(name, (*it)->name, &best))
			nearest = (*it)->name;
	}
	return nearest;
}

/* Warn of a word that is not taken. */
static void report_word(const char *name)
{
	const char *nearest = tunable_nearest(name);
	u32 best = nearest ? edit_distance(name, nearest) : UINT32_MAX;

	for (size_t i = 0; i < ARRAY_SIZE(other_words); i++) {
		if (strcmp(name, other_words[i]) == 0)
			return;
		if (is_nearer(name, other_words[i], &best))
			nearest = other_words[i];
	}
	if (nearest)
		pr_warn("command line: %s: did you mean %s?\n", name, nearest);
	else
		pr_warn("command line: %s: nothing has this name; `set` lists the switches\n",
			name);
}

/* Take one word of the command line. A tunable's bare name means 1. */
static void take_word(char *word)
{
	char *eq = strchr(word, '=');
	const struct tunable *t = NULL;
	char range[96];
	int err;

	if (eq)
		*eq = '\0';
	if (eq && strcmp(word, "fail") == 0)
		err = fault_parse(eq + 1);
	else if ((t = find(word)) != NULL)
		err = set_value(t, eq ? eq + 1 : "1");
	else
		return report_word(word);
	if (err)
		pr_warn("command line: %s: bad value '%s' (%s)\n", word, eq ? eq + 1 : "",
			t ? range_of(t, range, sizeof(range)) : "SITE:N");
}

void tunables_from_cmdline(const struct boot_info *boot)
{
	const char *s = boot->cmdline;
	char word[128];

	while (*s) {
		size_t n = 0;
		bool quoted = false;

		while (*s == ' ')
			s++;
		/* test="a b" is one word */
		for (; *s && (*s != ' ' || quoted); s++) {
			if (*s == '"')
				quoted = !quoted;
			if (n < sizeof(word) - 1)
				word[n++] = *s;
		}
		word[n] = '\0';
		if (n)
			take_word(word);
	}
}
