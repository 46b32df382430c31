/* trace: the switch, and the text, of kernel/trace. */
#include "kernel/lib/log.h"
#include "kernel/lib/string.h"
#include "kernel/shell/shell.h"
#include "kernel/trace/trace.h"

SHELL_COMMAND(trace, "trace", "trace on|off|clear|show [N]",
	      "record what the kernel does; show it, or its last N records")
{
	u64 n = 0;

	if (argc == 2 && strcmp(argv[1], "on") == 0) {
		trace_on();
	} else if (argc == 2 && strcmp(argv[1], "off") == 0) {
		trace_off();
	} else if (argc == 2 && strcmp(argv[1], "clear") == 0) {
		trace_clear();
	} else if (argc >= 2 && argc <= 3 && strcmp(argv[1], "show") == 0) {
		if (argc == 3 && parse_u64(argv[2], &n) != 0) {
			console_printf("trace: '%s' is not a number of records\n", argv[2]);
			return STATUS_USAGE;
		}
		trace_show(console_printf, n);
	} else {
		return shell_usage("trace");
	}
	return 0;
}
