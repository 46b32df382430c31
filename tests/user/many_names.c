/* A directory that grows and shrinks: every name is found at every size. */
#include "check.h"

#include <dirent.h>

#define NAMES 3000

static char name[64];

static const char *nth(int i)
{
	snprintf(name, sizeof(name), i % 5 ? "%d" : "a_name_that_is_rather_long_number_%d", i);
	return name;
}

/* How many of the names [from, to) are there. */
static int found(int from, int to)
{
	struct stat st;
	int n = 0;

	for (int i = from; i < to; i++)
		n += lstat(nth(i), &st) == 0;
	return n;
}

static int listed(void)
{
	DIR *dir = opendir(".");
	int n = 0;

	while (dir && readdir(dir))
		n++;
	closedir(dir);
	return n - 2;
}

int main(void)
{
	char dir[] = "/tmp/many_names_XXXXXX";
	int bad = 0;

	if (!mkdtemp(dir) || chdir(dir))
		return 1;
	for (int i = 0; i < NAMES; i++) {
		bad += mknod(nth(i), S_IFREG | 0600, 0) != 0;
		bad += found(i, i + 2) != 1;
		if (i % 50 == 0) /* all of them, in the middle of growing, too */
			bad += found(0, i + 1) != i + 1 || listed() != i + 1;
	}
	say("made: %d wrong, %d found, %d listed", bad, found(0, NAMES), listed());
	for (int i = 0; i < NAMES; i += 3) {
		char old[64];

		bad += rename(strcpy(old, nth(i)), nth(i + NAMES)) != 0;
	}
	say("renamed: %d wrong, %d and %d found", bad, found(0, NAMES), found(NAMES, 2 * NAMES));
	RESULT(mknod(nth(1), S_IFREG | 0600, 0));
	for (int i = 0; i < 2 * NAMES; i++)
		unlink(nth(i));
	say("removed: %d found, %d listed", found(0, 2 * NAMES), listed());
	RESULT(rmdir(dir));
	return 0;
}
