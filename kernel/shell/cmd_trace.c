/* trace: switches kernel/trace on and off, and prints its records. */
#include "kernel/shell/shell.h"
#include "kernel/trace/trace.h"

SHELL_COMMAND(trace, "trace", 1, 2, "trace on|off|clear|show [N]",
	      "record what the kernel does; show it, or its last N records")
{
	u64 n = 0;

	if (argc == 2 && strcmp(argv[1], "on") == 0) {
		trace_on();
	} else if (argc == 2 && strcmp(argv[1], "off") == 0) {
		trace_off();
	} else if (argc == 2 && strcmp(argv[1], "clear") == 0) {
		trace_clear();
	} else if (strcmp(argv[1], "show") == 0) {
		if (argc == 3 && parse_u64(argv[2], &n) != 0)
			return shell_error(STATUS_USAGE, "trace: '%s' is not a number of records\n",
					   argv[2]);
		trace_show(console_printf, n);
	} else {
		return shell_usage("trace");
	}
	return 0;
}
