/* getrandom(2), random(4), and what exec gives of it. */
#include "check.h"

#include <poll.h>
#include <sys/auxv.h>
#include <sys/random.h>

/* As many ones as zeroes, within eight standard deviations. */
static bool looks_random(const unsigned char *p, size_t n)
{
	long ones = 0, bits = 8 * (long)n;

	for (size_t i = 0; i < n; i++)
		ones += __builtin_popcount(p[i]);
	return (2 * ones - bits) * (2 * ones - bits) < 64 * bits;
}

static void check_call(void)
{
	static unsigned char a[65536], b[65536];

	RESULT(getrandom(a, sizeof(a), 0));
	RESULT(getrandom(b, sizeof(b), GRND_NONBLOCK));
	TRUTH(looks_random(a, sizeof(a)) && looks_random(b, sizeof(b)));
	TRUTH(memcmp(a, b, 32) != 0);
	RESULT(getrandom(a, 3, GRND_RANDOM));
	RESULT(getrandom(a, 3, 4)); /* GRND_INSECURE */
	RESULT(getrandom(a, 3, 4 | GRND_RANDOM));
	RESULT(getrandom(a, 3, 8));
	RESULT(getrandom(a, 0, 0));
	RESULT(getrandom(NULL, 0, 0));
	RESULT(syscall(SYS_getrandom, (void *)8, 16, 0));
	char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(p + 4096, 4096);
	TRUTH(syscall(SYS_getrandom, p + 4096 - 100, 200, 0) == 100);
}

static void check_device(const char *path)
{
	unsigned char a[4096] = {0}, b[4096] = {0};
	struct stat st;
	int fd = open(path, O_RDWR);
	struct pollfd pfd = {.fd = fd, .events = POLLIN};

	say("%s", path);
	stat(path, &st);
	say("mode %o, device %d:%d", st.st_mode, (int)(st.st_rdev >> 8), (int)(st.st_rdev & 255));
	RESULT(read(fd, a, sizeof(a)));
	RESULT(pread(fd, b, sizeof(b), 100));
	TRUTH(looks_random(a, sizeof(a)) && looks_random(b, sizeof(b)));
	TRUTH(memcmp(a, b, sizeof(a)) != 0);
	RESULT(write(fd, "stir", 4));
	RESULT(poll(&pfd, 1, 0));
	RESULT(lseek(fd, 0, SEEK_CUR));
	RESULT(read(fd, (void *)8, 10));
	WHETHER(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0));
	close(fd);
}

static void check_exec_bytes(const char *self)
{
	char text[2][33] = {"", ""};

	for (int i = 0; i < 2; i++) {
		int fd[2];
		if (pipe(fd) != 0)
			_exit(1);
		pid_t pid = must_fork();
		if (pid == 0) {
			dup2(fd[1], 1);
			execl(self, self, "auxv", NULL);
			_exit(1);
		}
		TRUTH(read(fd[0], text[i], 32) == 32);
		reap("child", pid);
	}
	TRUTH(memcmp(text[0], text[1], 32) != 0);
}

int main(int argc, char **argv)
{
	if (argc > 1) {
		const unsigned char *r = (const unsigned char *)getauxval(AT_RANDOM);
		for (int i = 0; i < 16; i++)
			printf("%02x", r[i]);
		return 0;
	}
	check_call();
	check_device("/dev/random");
	check_device("/dev/urandom");
	check_exec_bytes(argv[0]);
	return 0;
}
