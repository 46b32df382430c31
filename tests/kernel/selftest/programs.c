/* The programs that came with the initramfs: busybox, by lines that check themselves, and those of
 * tests/user/alone that need no one from outside, where `--add-tests` brought them. */
#include "kernel/fs/fs.h"
#include "kernel/lib/log.h"
#include "kernel/shell/shell.h"
#include "tests/kernel/selftest/selftest.h"

#define BUSYBOX "/bin/busybox"

/* Each succeeds if what it does is done right. The sums were told by Linux. */
static const struct {
	const char *name, *line;
} lines[] = {
	{"exit", "(exit 7); test $? = 7"},
	{"exec", "test \"$(/bin/busybox echo a b)\" = 'a b'"},
	{"pipe", "test $(seq 1 1000 | sort -n -r | head -n 1) = 1000"},
	{"wait", "sleep 0.1 & p=$!; wait $p && ! kill -0 $p 2>/dev/null"},
	{"kill", "sleep 100 & kill $!; wait $!; test $? = 143"},
	{"trap", "(trap 'exit 5' TERM; sh -c 'kill -TERM $PPID'; exit 1); test $? = 5"},
	{"many",
	 "for i in $(seq 1 50); do (exit $i) & done; for i in $(seq 1 50); do wait -n; done; wait"},
	{"tree", "f() { test $1 = 0 || { f $(($1 - 1)) & wait $!; }; }; f 20"},
	{"files",
	 "cd /tmp && seq 1 20000 >selftest && gzip selftest && gunzip selftest.gz && "
	 "test $(md5sum <selftest | cut -c 1-32) = e071f707df7bbeee2a6a1eb48011ddd0; s=$?; rm -f selftest*; exit $s"},
	{"sum", "test $(seq 1 1000 | sha256sum | cut -c 1-16) = 67d4ff71d43921d5"},
	{"tar", "cd /tmp && mkdir selftest && ln -s a selftest/b && echo x >selftest/a && "
		"tar c selftest | tar t | grep -q '^selftest/b$'; s=$?; rm -r selftest; exit $s"},
	{"awk", "test $(seq 1 100 | awk '{ s += $1 } END { print s }') = 5050"},
	{"fifo",
	 "cd /tmp && mkfifo selftest && { echo hi >selftest & read x <selftest; rm selftest; test $x = hi; }"},
	{"proc", "grep -q '^PPid:' /proc/self/status && test $(ls /proc/self/fd | wc -l) -ge 3"},
	{"time", "a=$(date +%s); sleep 1.1; test $(($(date +%s) - a)) -ge 1"},
	{"limit", "(ulimit -n 4; ! cat /dev/null 9</dev/null 8>/dev/null 2>/dev/null)"},
};

/* Programs that end with 0 if they found no fault. */
static const char *const programs[][4] = {
	{"/tests/alone/stress", "1", "4"},
	{"/tests/alone/forks", "200"},
	{"/tests/alone/reached"},
	{"/tests/alone/pi_stress", "3", "150"},
};

static void run_one(struct results *r, const char *name, int argc, char **argv)
{
	int status = shell_run_words(argc, argv, false);

	console_printf("program %s: %s\n", name, status ? "FAILED" : "passed");
	r->programs++;
	if (status)
		result_failed(r, name);
	else
		r->programs_passed++;
}

bool programs_run(struct results *r)
{
	if (!kernel_path_exists(BUSYBOX))
		console_printf("# there is no busybox\n");
	for (size_t i = 0; i < ARRAY_SIZE(lines) && kernel_path_exists(BUSYBOX); i++) {
		char *argv[] = {BUSYBOX, "sh", "-c", (char *)lines[i].line, NULL};

		run_one(r, lines[i].name, 4, argv);
		if (shell_interrupted())
			return false;
	}
	for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
		char *argv[5] = {0};
		int argc = 0;

		if (!kernel_path_exists(programs[i][0]))
			continue;
		for (; argc < 4 && programs[i][argc]; argc++)
			argv[argc] = (char *)programs[i][argc];
		run_one(r, strrchr(argv[0], '/') + 1, argc, argv);
		if (shell_interrupted())
			return false;
	}
	return true;
}
