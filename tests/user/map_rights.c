/* What mprotect() must never give: a right that the file or its mount does not. */
#include "check.h"

#include <sys/mount.h>
#include <sys/shm.h>

#define PAGE 4096L

static const struct {
	int prot;
	const char *name;
} rights[] = {
	{PROT_NONE, "none"},
	{PROT_READ, "r"},
	{PROT_WRITE, "w"},
	{PROT_EXEC, "x"},
	{PROT_READ | PROT_WRITE, "rw"},
	{PROT_READ | PROT_EXEC, "rx"},
	{PROT_READ | PROT_WRITE | PROT_EXEC, "rwx"},
};

static void try_rights(const char *what, char *p)
{
	for (size_t i = 0; i < sizeof(rights) / sizeof(rights[0]); i++) {
		int r = mprotect(p, PAGE, rights[i].prot);

		say("%s to %s: %s", what, rights[i].name, r ? error_name(errno) : "ok");
	}
}

/* Each kind of mapping of this opening; then the same mapping at another place, and a second view
 * of it. */
static void try_file(const char *name, int fd, int type)
{
	char what[100];

	for (size_t i = 0; i < sizeof(rights) / sizeof(rights[0]); i++) {
		char *p = mmap(NULL, PAGE, rights[i].prot, type, fd, 0), *q;

		snprintf(what, sizeof(what), "%s, %s, mapped %s", name,
			 type == MAP_PRIVATE ? "private" : "shared", rights[i].name);
		if (p == MAP_FAILED) {
			say("%s: %s", what, error_name(errno));
			continue;
		}
		try_rights(what, p);
		q = mremap(p, PAGE, 2 * PAGE, MREMAP_MAYMOVE);
		if (q != MAP_FAILED)
			p = q;
		snprintf(what + strlen(what), sizeof(what) - strlen(what), ", moved");
		try_rights(what, p);
		if (type != MAP_PRIVATE) {
			q = mremap(p, 0, PAGE, MREMAP_MAYMOVE);
			if (q != MAP_FAILED) {
				try_rights("second view", q);
				munmap(q, PAGE);
			}
		}
		munmap(p, 2 * PAGE);
	}
}

static void try_path(const char *path)
{
	static const struct {
		int mode;
		const char *name;
	} modes[] = {{O_RDONLY, "read-only"}, {O_WRONLY, "write-only"}, {O_RDWR, "both ways"}};
	char name[100];

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		int fd = open(path, modes[i].mode);

		if (fd < 0) {
			say("%s %s: %s", path, modes[i].name, error_name(errno));
			continue;
		}
		snprintf(name, sizeof(name), "%s opened %s", path, modes[i].name);
		try_file(name, fd, MAP_SHARED);
		try_file(name, fd, MAP_SHARED_VALIDATE);
		try_file(name, fd, MAP_PRIVATE);
		close(fd);
	}
}

static void make_file(const char *path)
{
	int fd = open(path, O_CREAT | O_RDWR, 0755);

	if (fd < 0 || ftruncate(fd, 4 * PAGE))
		say("%s: %s", path, error_name(errno));
	close(fd);
}

/* Of several areas, those in front of the one that refuses have changed. */
static void some_of_a_range(void)
{
	int fd = open("/tmp/map_rights", O_RDONLY);
	char *p = mmap(NULL, 3 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	mmap(p + PAGE, PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0);
	RESULT(mprotect(p, 3 * PAGE, PROT_READ | PROT_WRITE));
	/* read() says which pages may be written without a signal */
	int zero = open("/dev/zero", O_RDONLY);
	for (int i = 0; i < 3; i++)
		say_result("read into it", read(zero, p + i * PAGE, 1));
	close(zero);
	close(fd);
	munmap(p, 3 * PAGE);
}

static void shared_memory(int flags, const char *name)
{
	int id = shmget(IPC_PRIVATE, PAGE, IPC_CREAT | 0600);
	char *p = shmat(id, NULL, flags);

	shmctl(id, IPC_RMID, NULL);
	if (p == (char *)-1)
		say("%s: %s", name, error_name(errno));
	else
		try_rights(name, p);
	shmdt(p);
}

int main(void)
{
	char path[64];
	int fd;

	make_file("/tmp/map_rights");
	try_path("/tmp/map_rights");
	try_path("/dev/zero");
	some_of_a_range();

	fd = open("/tmp/map_rights", O_PATH);
	RESULT(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED ? -1 : 0);
	close(fd);

	fd = memfd_create("x", 0);
	RESULT(ftruncate(fd, 2 * PAGE));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	int ro = open(path, O_RDONLY);
	try_file("memfd", fd, MAP_SHARED);
	try_file("memfd opened read-only", ro, MAP_SHARED);
	try_file("memfd opened read-only", ro, MAP_PRIVATE);
	close(ro);
	close(fd);

	shared_memory(0, "shmat");
	shared_memory(SHM_RDONLY, "shmat read-only");
	shared_memory(SHM_EXEC, "shmat executable");
	shared_memory(SHM_RDONLY | SHM_EXEC, "shmat read-only and executable");

	mkdir("/tmp/noexec", 0755);
	RESULT(mount("none", "/tmp/noexec", "tmpfs", MS_NOEXEC, ""));
	make_file("/tmp/noexec/file");
	try_path("/tmp/noexec/file");
	RESULT(umount("/tmp/noexec"));

	char *anon = mmap(NULL, PAGE, PROT_NONE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	try_rights("shared anonymous", anon);
	anon = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	try_rights("private anonymous", anon);
	unlink("/tmp/map_rights");
	return 0;
}
