/* The system itself: help, set, poweroff, reboot. */
#include "kernel/debug/debug.h"
#include "kernel/lib/fault_injection.h"
#include "kernel/lib/tunable.h"
#include "kernel/shell/shell.h"

/* The first command of a group, in alphabetical order, whose name comes after `after`. */
static const struct shell_command *next_in_group(const char *group, const char *after)
{
	const struct shell_command *best = NULL;

	LINKER_SET_FOREACH(shell_commands, it)
	{
		const struct shell_command *c = *it;

		if (strcmp(c->group, group) != 0 || strcmp(c->name, after) <= 0)
			continue;
		if (best == NULL || strcmp(c->name, best->name) < 0)
			best = c;
	}
	return best;
}

static const struct group {
	const char *name, *about;
} groups[] = {
	{"make", "on the selected puppet, or on another one as `PID: COMMAND`"},
	{"look", "a PID may be left out: then it is the selected puppet"},
	{"trace", "what happened, in ftrace's form"},
	{"run", "programs, with this terminal"},
	{"system", "the machine"},
};

void help_groups_foreach(void (*fn)(const char *group, void *), void *arg)
{
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++)
		fn(groups[i].name, arg);
}

static void help_group(const struct group *group)
{
	const struct shell_command *c;

	console_printf("%s: %s\n", group->name, group->about);
	for (c = next_in_group(group->name, ""); c; c = next_in_group(group->name, c->name))
		console_printf("  %-28s %s\n", c->usage, c->help);
}

/* A group may be named as one of its commands: it lists that command too. */
static int help_about(const char *name)
{
	const struct shell_command *c;

	for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
		if (strcmp(groups[i].name, name) == 0) {
			help_group(&groups[i]);
			return 0;
		}
	}
	c = shell_find_command(name);
	if (c == NULL)
		return shell_fail("help: there is no command and no group '%s'\n", name);
	console_printf("%s\n  %s\n", c->usage, c->help);
	return 0;
}

SHELL_COMMAND(help, "system", 0, 1, "help [COMMAND|GROUP]", "this list, or a part of it")
{
	if (argc == 2)
		return help_about(argv[1]);
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++)
		help_group(&groups[i]);
	console_printf(
		"Words are split at blanks; '...' and \"...\" quote; ; and & end a command; # starts a comment.\n"
		"On a small screen: `help make`, `help look`, `help trace`, `help run`, `help system`.\n");
	return 0;
}

static void show_site(const struct fault_site *site)
{
	u32 n = READ_ONCE(site->countdown);
	char when[32] = "off";

	if (n)
		snprintf(when, sizeof(when), "at pass %u from now", n);
	console_printf("fail %-15s %s (%lu passed, %lu failed)\n", site->name, when, site->passes,
		       site->failures);
}

static void list_sites(void)
{
	LINKER_SET_FOREACH(fault_sites, it)
	show_site(*it);
}

static int set_fail(const char *spec)
{
	int err = fault_parse(spec);

	if (err == -ENOENT)
		return shell_fail("set: fail: there is no such site; `set` lists them\n");
	return err ? shell_error(STATUS_USAGE, "set: usage: set fail SITE:N\n") : 0;
}

static int no_switch(const char *name)
{
	const char *nearest = tunable_nearest(name);

	if (nearest)
		return shell_fail("set: there is no switch '%s': did you mean %s?\n", name,
				  nearest);
	return shell_fail("set: there is no switch '%s'; `set` lists them\n", name);
}

static int set_tunable(const char *name, const char *value)
{
	int err = tunable_set(name, value);

	if (err == -ENOENT)
		return no_switch(name);
	if (err == -EPERM)
		return shell_fail("set: %s is looked at only at boot: put it on the command line\n",
				  name);
	if (err == 0)
		return 0;
	console_printf("set: %s cannot be '%s':\n", name, value);
	tunables_show(name, console_printf);
	return STATUS_USAGE;
}

SHELL_COMMAND(
	set, "system", 0, 2, "set [NAME [VALUE]]",
	"the kernel's switches; `set fail SITE:N` makes the N-th allocation there fail in any task")
{
	char *equals = argc == 2 ? strchr(argv[1], '=') : NULL;

	if (equals) { /* as on the boot command line */
		*equals = '\0';
		return set_tunable(argv[1], equals + 1);
	}
	if (argc == 3)
		return strcmp(argv[1], "fail") == 0 ? set_fail(argv[2])
						    : set_tunable(argv[1], argv[2]);
	if (argc == 2 && strcmp(argv[1], "fail") != 0) {
		if (tunables_show(argv[1], console_printf) != 0)
			return no_switch(argv[1]);
		return 0;
	}
	if (argc == 1)
		tunables_show(NULL, console_printf);
	list_sites();
	return 0;
}

SHELL_COMMAND(poweroff, "system", 0, 1, "poweroff [STATUS]",
	      "switch off; tools/run exits with STATUS (0 ... 125)")
{
	u64 status = 0;

	if (argc == 2 && (parse_u64(argv[1], &status) != 0 || status > POWEROFF_MAX_STATUS))
		return shell_error(STATUS_USAGE, "poweroff: '%s' is not a status from 0 to %d\n",
				   argv[1], POWEROFF_MAX_STATUS);
	arch_console_flush();
	arch_poweroff((int)status);
}

SHELL_COMMAND(reboot, "system", 0, 0, "reboot", "start the machine again")
{
	arch_console_flush();
	arch_reboot();
}
