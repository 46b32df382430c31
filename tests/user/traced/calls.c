/* System calls of several kinds, with results and errors that do not change. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

int main(void)
{
	char buf[32];
	int fds[2], fd;
	struct iovec iov[2] = {{"first ", 6}, {"second\n", 7}};
	struct timespec nap = {0, 1000000};
	struct stat st;
	void *page;

	getppid();
	fd = open("/tmp/calls", O_RDWR | O_CREAT | O_TRUNC, 0640);
	if (write(fd, "0123456789\n\1\377", 13) != 13 || lseek(fd, 2, SEEK_SET) != 2)
		return 1;
	if (read(fd, buf, sizeof(buf)) != 11 || fstat(fd, &st))
		return 2;
	close(fd);
	close(77);
	open("/tmp/absent", O_RDONLY);
	if (pipe(fds) || write(fds[1], buf, 5) != 5)
		return 3;
	poll(&(struct pollfd){fds[0], POLLIN | POLLOUT, 0}, 1, 1000);
	if (read(fds[0], buf, 5) != 5 || writev(1, iov, 2) != 13)
		return 4;
	page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mprotect(page, 4096, PROT_READ);
	munmap(page, 8192);
	nanosleep(&nap, NULL);
	access("/etc/passwd", R_OK);
	umask(027);
	unlink("/tmp/calls");
	return unlink("/tmp/calls") == -1 && errno == ENOENT ? 7 : 8;
}
