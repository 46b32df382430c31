/* Files that are cut short under their mappings, programs that run and cannot be written to, and
 * mappings of /dev/zero. */
#include "check.h"

#include <linux/falloc.h>
#include <setjmp.h>
#include <sys/ioctl.h>

#define PAGE 4096

static sigjmp_buf back;

static void caught(int sig)
{
	siglongjmp(back, sig);
}

/* The byte there, or the signal that looking at it gives. */
static const char *look(const volatile char *p)
{
	static char text[8][16];
	static int n;
	char *out = text[n++ % 8];
	int sig = sigsetjmp(back, 1);

	if (sig)
		snprintf(out, 16, "%s", signal_name(sig));
	else
		snprintf(out, 16, "%d", *p);
	return out;
}

static void show(const char *what, const char *shared, const char *private)
{
	say("%s: %s %s %s %s, %s %s %s %s", what, look(shared), look(shared + 20),
	    look(shared + PAGE), look(shared + 3 * PAGE), look(private), look(private + 20),
	    look(private + PAGE), look(private + 3 * PAGE));
}

static void check_truncate(void)
{
	int fd = open("cut", O_RDWR | O_CREAT | O_TRUNC, 0600);
	struct gate ready = gate_make(), go = gate_make();
	char *shared, *private;
	char buf[PAGE];
	pid_t pid;

	memset(buf, 1, PAGE);
	for (int i = 0; i < 4; i++)
		write(fd, buf, PAGE);
	shared = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	private = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	private[PAGE] = 2;
	shared[3 * PAGE] = 3;
	show("at first", shared, private);
	pid = must_fork();
	if (pid == 0) {
		gate_open(&ready);
		gate_wait(&go);
		show("child", shared, private);
		private[0] = 9;
		gate_open(&ready);
		gate_wait(&go);
		show("child, grown", shared, private);
		_exit(0);
	}
	gate_wait(&ready);
	RESULT(ftruncate(fd, 10));
	show("cut", shared, private);
	gate_open(&go);
	gate_wait(&ready);
	RESULT(ftruncate(fd, 4 * PAGE));
	show("grown", shared, private);
	gate_open(&go);
	reap("child", pid);
	RESULT(truncate("cut", 0));
	show("empty", shared, private);
	munmap(shared, 4 * PAGE);
	munmap(private, 4 * PAGE);
	close(fd);
}

static void check_punch(void)
{
	int fd = open("cut", O_RDWR | O_CREAT | O_TRUNC, 0600);
	char *shared, *private;
	char buf[PAGE];

	memset(buf, 1, PAGE);
	for (int i = 0; i < 4; i++)
		write(fd, buf, PAGE);
	shared = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	private = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	private[PAGE] = 2;
	show("whole", shared, private);
	RESULT(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 10, 2 * PAGE));
	say("%d %d %d, the copy %d", shared[0], shared[20], shared[PAGE], private[PAGE]);
	shared[PAGE] = 7;
	pread(fd, buf, 1, PAGE);
	say("written after that: %d", buf[0]);
	close(fd);
}

static int copy_self(const char *to)
{
	int in = open("/proc/self/exe", O_RDONLY), out = open(to, O_WRONLY | O_CREAT, 0755);
	char buf[8192];
	ssize_t n;

	while ((n = read(in, buf, sizeof(buf))) > 0)
		write(out, buf, (size_t)n);
	close(in);
	return out;
}

static void check_busy(void)
{
	char *argv[] = {"copy", NULL};
	struct gate go = gate_make();
	int out = copy_self("copy"), in;
	char number[16];
	pid_t pid;

	RESULT(execv("copy", argv));
	close(out);
	in = open("copy", O_RDONLY);
	pid = must_fork();
	if (pid == 0) {
		close(in);
		snprintf(number, sizeof(number), "%d", go.fd[0]);
		char *wait[] = {"copy", number, NULL};
		execv("copy", wait);
		_exit(errno);
	}
	for (int tries = 0; tries < 1000 && (out = open("copy", O_WRONLY)) >= 0; tries++) {
		close(out); /* it does not run yet */
		sleep_ms(5);
	}
	RESULT(open("copy", O_WRONLY));
	RESULT(open("copy", O_RDWR | O_TRUNC));
	RESULT(truncate("copy", 10));
	RESULT(chmod("copy", 0700));
	RESULT(rename("copy", "moved"));
	RESULT(open("moved", O_WRONLY));
	gate_open(&go);
	reap("copy", pid);
	WHETHER(out = open("moved", O_WRONLY));
	RESULT(write(out, "#!", 2));
	RESULT(execv("moved", argv));
	unlink("moved");
}

static void check_zero(void)
{
	int fd = open("/dev/zero", O_RDWR), ro = open("/dev/zero", O_RDONLY);
	char *private = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, ro, 0);
	char *shared = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	TRUTH(private != MAP_FAILED);
	TRUTH(shared != MAP_FAILED);
	WHETHER((long)mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, ro, 0));
	WHETHER((long)mmap(NULL, PAGE, PROT_READ, MAP_SHARED, open("/dev/null", O_RDONLY), 0));
	private[PAGE] = shared[PAGE] = 1;
	if (fork() == 0) {
		private[PAGE]++;
		shared[PAGE]++;
		_exit(0);
	}
	wait(NULL);
	say("%d %d %d %d", private[0], private[PAGE], shared[0], shared[PAGE]);
}

int main(int argc, char **argv)
{
	char folder[] = "/tmp/coherence-XXXXXX", c;

	if (argc > 1) /* the copy that runs */
		return read(atoi(argv[1]), &c, 1) == 1 ? 0 : 1;
	signal(SIGBUS, caught);
	signal(SIGSEGV, caught);
	chdir(mkdtemp(folder));
	check_truncate();
	check_punch();
	check_busy();
	check_zero();
	return 0;
}
