/* Shell commands register themselves beside the code they show. */
#pragma once

#include "kernel/lib/types.h"

/* Returns the command's exit status: 0, 1 failed, 2 wrong use. Output by console_printf(). */
struct shell_command {
	const char *name, *usage, *help, *group; /* group: make look trace run system */
	int least, most;                         /* words after the name; else usage is shown */
	int (*fn)(int argc, char **argv);
};
#define ANY INT32_MAX

LINKER_SET_DECLARE(shell_commands, const struct shell_command);

#define SHELL_COMMAND(id, group, least, most, usage, help)                                  \
	static int shell_cmd_##id(int argc, char **argv);                                   \
	static const struct shell_command shell_command_##id = {                            \
		#id, usage, help, group, least, most, shell_cmd_##id};                      \
	static const struct shell_command *const __set_shell_commands_##id                  \
		__attribute__((used, section("set_shell_commands"))) = &shell_command_##id; \
	static int shell_cmd_##id(int argc __maybe_unused, char **argv __maybe_unused)
