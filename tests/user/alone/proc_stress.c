/*
 * proc_stress SECONDS: readers open every file of /proc, read it at random offsets, list its
 * directories and write garbage to it, while processes and threads come and go, exec and change
 * their ids and memory. Says how much was done; each of it must end, and the system go on.
 */
#include "../check.h"

#include <dirent.h>
#include <pthread.h>

#define READERS 3
#define DEPTH   6

static uint64_t state;
static time_t end;
static long files, bytes, refused;

static unsigned int pick(unsigned int n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned int)(state >> 24) % n;
}

static void read_at_random(int fd)
{
	static char buf[70000];

	for (unsigned int i = pick(4) + 1; i; i--) {
		ssize_t n = pick(2) ? read(fd, buf, pick(sizeof(buf)))
				    : pread(fd, buf, pick(sizeof(buf)),
					    pick(3) ? pick(5000) : pick(1 << 30));

		bytes += n > 0 ? n : 0;
		refused += n < 0;
		if (!pick(4))
			lseek(fd, pick(3000), SEEK_SET);
	}
}

/* No digits: it must not happen to be a number that is taken. */
static void write_garbage(int fd)
{
	char text[1500];
	size_t n = pick(pick(4) ? 20 : sizeof(text));

	for (size_t i = 0; i < n; i++)
		text[i] = pick(8) ? (char)('A' + pick(26)) : (char)(128 + pick(128));
	refused += write(fd, text, n) < 0;
}

static void use_file(int dir, const char *name)
{
	char target[300];
	int fd = openat(dir, name, (pick(4) ? O_RDONLY : O_RDWR) | O_NONBLOCK | O_NOFOLLOW);

	files++;
	if (fd < 0) {
		refused += readlinkat(dir, name, target, sizeof(target)) < 0;
		return;
	}
	read_at_random(fd);
	if (!pick(3) && strcmp(name, "hostname") != 0 && strcmp(name, "domainname") != 0)
		write_garbage(fd);
	close(fd);
}

static bool read_enough(void)
{
	return files > 100 && bytes > 10000 && refused;
}

/* A slow machine gets a minute more. */
static bool time_is_left(void)
{
	return time(NULL) < end || (!read_enough() && time(NULL) < end + 60);
}

static void walk(int fd, int depth)
{
	DIR *d = fdopendir(fd);
	struct dirent *e;

	if (!d) {
		close(fd);
		return;
	}
	while (time_is_left() && (e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		int sub =
			depth < DEPTH ? openat(dirfd(d), e->d_name, O_DIRECTORY | O_NOFOLLOW) : -1;
		if (sub >= 0)
			walk(sub, depth + 1);
		else
			use_file(dirfd(d), e->d_name);
	}
	closedir(d);
}

static void reader(uint64_t seed)
{
	state = seed;
	while (time_is_left())
		walk(open("/proc", O_DIRECTORY), 0);
	say("read: %s, refused some: %s", files > 100 && bytes > 10000 ? "much" : "LITTLE",
	    refused ? "yes" : "NO");
	_exit(0);
}

static void *thread(void *arg)
{
	if (pick(2))
		usleep(pick(2000));
	return arg;
}

/* One short life. */
static void live(const char *self)
{
	pthread_t t;
	char *p;

	switch (pick(5)) {
	case 0:
		execl(self, self, "0", NULL);
		_exit(1);
	case 1:
		if (pthread_create(&t, NULL, thread, NULL) == 0 && pick(2))
			pthread_join(t, NULL);
		break;
	case 2:
		p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		memset(p, 1, 1 << 20);
		munmap(p, 1 << 19);
		break;
	case 3:
		for (int i = 0; i < 20; i++)
			if (syscall(SYS_setresuid, -1, i % 2, -1) ||
			    open("/proc/self/status", O_RDONLY) < 0)
				break;
		break;
	default:
		usleep(pick(3000));
	}
	_exit(0);
}

int main(int argc, char **argv)
{
	long seconds = argc > 1 ? atol(argv[1]) : 0;
	int status, lives = 0;

	if (seconds == 0)
		return 0; /* what the short lives exec */
	end = time(NULL) + seconds;
	for (int i = 0; i < READERS; i++)
		if (must_fork() == 0)
			reader((uint64_t)i + 88172645463325252UL);
	state = 362436069;
	while (time(NULL) < end || lives <= 50) {
		pid_t pid = must_fork();

		state += 1000003;
		if (pid == 0) {
			live(argv[0]);
		} else if (pick(3)) {
			while (waitpid(-1, &status, WNOHANG) > 0)
				;
		}
		lives++;
	}
	while (wait(&status) > 0)
		if (!WIFEXITED(status) || WEXITSTATUS(status))
			say_status("somebody", status);
	say("lives: %s", lives > 50 ? "many" : "FEW");
	return 0;
}
