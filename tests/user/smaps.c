/* /proc/PID/smaps: what an area holds, before and after a fork, and its flags. */
#include "zero_page.h"

#define PAGES 10

/* The flags that both kernels know. */
static void say_flags(const char *line)
{
	static const char *const known = " rd wr ex sh mr mw me ms gd lo dc wf dd ";
	char text[256] = "", copy[512], word[6];

	snprintf(copy, sizeof(copy), "%s", line);
	for (char *w = strtok(copy, " \n"); w; w = strtok(NULL, " \n")) {
		snprintf(word, sizeof(word), " %.2s ", w);
		if (strstr(known, word))
			strcat(strcat(text, " "), w);
	}
	say("  flags%s", text);
}

/* Of the area at this address. */
static void show(const char *what, const void *addr)
{
	static const char *const fields[] = {
		"Size:",         "Rss:",          "Pss:",           "Pss_Dirty:",
		"Shared_Clean:", "Shared_Dirty:", "Private_Clean:", "Private_Dirty:",
		"Anonymous:",    "Swap:",         "Locked:",        "KernelPageSize:"};
	FILE *f = fopen("/proc/self/smaps", "r");
	char line[512], name[64];
	unsigned long start, end, kib;
	bool here = false;

	if (!f) {
		say("smaps: %s", error_name(errno));
		return;
	}
	say("%s", what);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			here = start <= (unsigned long)addr && (unsigned long)addr < end;
		else if (here && !strncmp(line, "VmFlags: ", 9))
			say_flags(line + 9);
		else if (here && sscanf(line, "%63s %lu kB", name, &kib) == 2)
			for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
				if (!strcmp(name, fields[i]))
					say("  %s %lu", name, kib);
	}
	fclose(f);
}

static volatile char *map(int prot, int flags)
{
	return mmap(NULL, PAGES * 4096, prot, flags | MAP_ANONYMOUS, -1, 0);
}

int main(void)
{
	/* Areas that differ do not merge. */
	volatile char *hole = map(PROT_NONE, MAP_PRIVATE);
	volatile char *mine = map(PROT_READ | PROT_WRITE, MAP_PRIVATE);
	volatile char *code = map(PROT_READ | PROT_EXEC, MAP_PRIVATE);
	volatile char *ours = map(PROT_READ | PROT_WRITE, MAP_SHARED);
	int go[2];
	pid_t pid;
	char c = 0;

	show("nothing is touched", (void *)mine);
	for (int i = 0; i < 4; i++)
		mine[i * 4096] = 1;
	if (reads_take_no_page())
		c += mine[9 * 4096];
	for (int i = 0; i < 3; i++)
		ours[i * 4096] = 1;
	show("four pages are written, one is read if that takes none", (void *)mine);
	show("three shared pages", (void *)ours);
	show("no access", (void *)hole);
	show("code", (void *)code);
	if (pipe(go))
		return 1;
	pid = must_fork();
	if (pid == 0) {
		close(go[1]);
		_exit(read(go[0], &c, 1) != 0);
	}
	show("with a child", (void *)mine);
	mine[0] = 2;
	show("with a child, one page is written again", (void *)mine);
	close(go[1]);
	reap("the child", pid);
	show("without the child", (void *)mine);
	RESULT(mlock((void *)mine, PAGES * 4096));
	show("locked", (void *)mine);
	RESULT(munlock((void *)mine, PAGES * 4096));
	RESULT(madvise((void *)mine, PAGES * 4096, MADV_DONTDUMP));
	RESULT(madvise((void *)mine, PAGES * 4096, MADV_DONTFORK));
	show("not dumped, not for children", (void *)mine);
	RESULT(madvise((void *)mine, PAGES * 4096, MADV_DOFORK));
	RESULT(madvise((void *)mine, PAGES * 4096, MADV_WIPEONFORK));
	show("empty in children", (void *)mine);
	RESULT(mprotect((void *)mine, PAGES * 4096, PROT_NONE));
	show("no access any more", (void *)mine);
	return 0;
}
