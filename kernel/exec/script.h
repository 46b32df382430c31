/* The first line of a script, and what it does to the arguments. */
#pragma once

#include "kernel/lib/types.h"

struct exec_args;

#define SCRIPT_LINE_MAX 256 /* as Linux */

/* Split the first line of a script, in place. The argument is all that follows the interpreter, and
 * may be NULL. False when there is no interpreter, or the line is too long to hold its name. */
bool script_split_line(char *line, size_t n, char **interp, char **arg);
/* Put the interpreter in front: it gets its argument, the script's path, and the script's own
 * arguments. `path` is the name under which the script was found. */
void script_prepend(struct exec_args *args, const char *path, const char *interp, const char *arg);
