/*
 * One call after the other of those that take kernel memory, in one of which memory runs out
 * (fault injection). Such a call says so; the next ones are made with what there is. Says which
 * call failed in another way, and at last that it is done.
 */
#include "../check.h"

#include <linux/netlink.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>

static bool short_of_memory; /* so a later call may fail for want of what an earlier one makes */

/* fork(2), timer_create(2), fcntl(2) and pipe(2) have errors of their own for it. */
static bool means_no_memory(const char *what, int err)
{
	if (err == EAGAIN)
		return strstr(what, "fork") || strstr(what, "timer_create");
	if (err == ENFILE)
		return strstr(what, "pipe");
	return err == ENOMEM || err == ENOBUFS || (err == ENOLCK && strstr(what, "F_SETLK"));
}

static long check(const char *what, long result)
{
	if (result >= 0)
		return result;
	if (means_no_memory(what, errno))
		short_of_memory = true;
	else if (!short_of_memory)
		say("unexpected: %s: %s", what, error_name(errno));
	return result;
}
#define TRY(call) (errno = 0, check(#call, (long)(call)))

static void remove_name(const char *path)
{
	while (remove(path) < 0 && errno == ENOMEM)
		short_of_memory = true;
}

/* ---- sockets ---- */

static void send_descriptor(int fd, int what)
{
	char room[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec io = {"x", 1};
	struct msghdr m = {.msg_iov = &io,
			   .msg_iovlen = 1,
			   .msg_control = room,
			   .msg_controllen = sizeof(room)};

	CMSG_FIRSTHDR(&m)->cmsg_level = SOL_SOCKET;
	CMSG_FIRSTHDR(&m)->cmsg_type = SCM_RIGHTS;
	CMSG_FIRSTHDR(&m)->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), &what, sizeof(what));
	TRY(sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL));
}

static void unix_pairs(void)
{
	static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
	char data[100];
	int fds[2];

	for (int i = 0; i < 3; i++) {
		if (TRY(socketpair(AF_UNIX, types[i], 0, fds)) < 0)
			continue;
		send_descriptor(fds[0], fds[1]);
		TRY(send(fds[0], data, sizeof(data), MSG_DONTWAIT));
		TRY(recv(fds[1], data, sizeof(data), MSG_DONTWAIT));
		if (i == 1) /* left unread: descriptors in flight to themselves */
			send_descriptor(fds[1], fds[0]);
		close(fds[0]);
		close(fds[1]);
	}
}

static void connection(int family, struct sockaddr *name, socklen_t len)
{
	int l = (int)TRY(socket(family, SOCK_STREAM | SOCK_NONBLOCK, 0)),
	    c = (int)TRY(socket(family, SOCK_STREAM | SOCK_NONBLOCK, 0)), a = -1;
	static char data[5000];

	if (l >= 0 && c >= 0 && TRY(bind(l, name, len)) == 0 && TRY(listen(l, 5)) == 0 &&
	    TRY(getsockname(l, name, &len)) == 0) {
		if (connect(c, name, len) < 0 && errno != EINPROGRESS)
			check("connect", -1);
		a = (int)TRY(accept(l, NULL, NULL));
		TRY(send(c, data, sizeof(data), MSG_NOSIGNAL));
		TRY(send(c, "u", 1, MSG_OOB | MSG_NOSIGNAL) < 0 && errno != EOPNOTSUPP ? -1 : 0);
		TRY(recv(a, data, sizeof(data), MSG_DONTWAIT));
	}
	close(a);
	close(c);
	close(l);
}

static void datagrams(void)
{
	struct sockaddr_in name = {.sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct ip_mreqn group = {.imr_multiaddr.s_addr = htonl(0xe0000105), .imr_ifindex = 1};
	int fd = (int)TRY(socket(AF_INET, SOCK_DGRAM, 0));
	socklen_t len = sizeof(name);
	struct mmsghdr many[3] = {0};
	struct iovec io = {"data", 4};

	TRY(bind(fd, (void *)&name, len));
	TRY(getsockname(fd, (void *)&name, &len));
	TRY(setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof(group)));
	TRY(connect(fd, (void *)&name, len));
	for (int i = 0; i < 3; i++)
		many[i].msg_hdr = (struct msghdr){.msg_iov = &io, .msg_iovlen = 1};
	TRY(sendmmsg(fd, many, 3, MSG_DONTWAIT));
	close(fd);
}

static void dump_links(void)
{
	struct {
		struct nlmsghdr h;
		struct {
			unsigned char family;
		} g;
	} request = {{sizeof(request), 18 /* RTM_GETLINK */, NLM_F_REQUEST | NLM_F_DUMP, 1, 0},
		     {0}};
	int fd = (int)TRY(socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE));
	char room[4096];

	TRY(send(fd, &request, sizeof(request), 0));
	recv(fd, room, sizeof(room), MSG_DONTWAIT);
	close(fd);
}

static void sockets(void)
{
	struct sockaddr_in name = {.sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	struct sockaddr_un path = {AF_UNIX, "/tmp/failing"}, abstract = {AF_UNIX, "\0failing"};

	unix_pairs();
	connection(AF_INET, (void *)&name, sizeof(name));
	connection(AF_INET6, (void *)&six, sizeof(six));
	connection(AF_UNIX, (void *)&path, sizeof(path));
	remove_name("/tmp/failing");
	connection(AF_UNIX, (void *)&abstract, sizeof(abstract));
	datagrams();
	dump_links();
}

/* ---- waiting ---- */

static void sets(void)
{
	int set = (int)TRY(epoll_create1(0)), outer = (int)TRY(epoll_create1(0)),
	    event = (int)TRY(eventfd(1, EFD_NONBLOCK));
	struct epoll_event e = {.events = EPOLLIN}, got[2];
	struct timespec none = {0};

	TRY(epoll_ctl(set, EPOLL_CTL_ADD, event, &e));
	TRY(epoll_ctl(outer, EPOLL_CTL_ADD, set, &e));
	TRY(epoll_wait(outer, got, 2, 0));
	TRY(syscall(SYS_epoll_pwait2, set, got, 2, &none, NULL, 8));
	TRY(poll(&(struct pollfd){outer, POLLIN, 0}, 1, 0));
	close(event);
	close(set);
	close(outer);
}

static void events(void)
{
	struct itimerspec soon = {.it_value.tv_nsec = 1};
	int timer = (int)TRY(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK)),
	    watch = (int)TRY(inotify_init1(IN_NONBLOCK)), sig, fd;
	char room[1000];
	sigset_t usr1;

	TRY(timerfd_settime(timer, 0, &soon, NULL));
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	sigprocmask(SIG_BLOCK, &usr1, NULL);
	sig = (int)TRY(signalfd(-1, &usr1, SFD_NONBLOCK));
	TRY(sigqueue(getpid(), SIGUSR1, (union sigval){1}));
	if (sig >= 0)
		TRY(read(sig, room, sizeof(room)));
	TRY(inotify_add_watch(watch, "/tmp", IN_ALL_EVENTS));
	fd = (int)TRY(open("/tmp/failing", O_CREAT | O_RDWR, 0600));
	TRY(write(fd, room, sizeof(room)));
	TRY(link("/tmp/failing", "/tmp/failing2"));
	TRY(rename("/tmp/failing2", "/tmp/failing3"));
	remove_name("/tmp/failing");
	remove_name("/tmp/failing2");
	remove_name("/tmp/failing3");
	close(fd);
	close(watch);
	close(sig);
	close(timer);
}

/* ---- files, locks, memory ---- */

static void read_all(const char *path)
{
	int fd = (int)TRY(open(path, O_RDONLY));
	char room[4096];

	if (fd >= 0)
		TRY(read(fd, room, sizeof(room)));
	close(fd);
}

static void files(void)
{
	static const char *const texts[] = {
		"/proc/self/maps", "/proc/self/smaps", "/proc/self/status", "/proc/slabinfo",
		"/proc/net/tcp",   "/proc/net/unix",   "/proc/mounts",      "/proc/locks",
		"/proc/cpuinfo",   "/proc/self/stat",  "/proc/interrupts",
	};
	struct flock lock = {.l_type = F_WRLCK, .l_start = 10, .l_len = 10};
	int fd = (int)TRY(memfd_create("m", 0)), p[2];
	char link[100];

	for (unsigned int i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		read_all(texts[i]);
	TRY(ftruncate(fd, 100000));
	TRY(fcntl(fd, F_SETLK, &lock));
	lock = (struct flock){.l_type = F_UNLCK, .l_start = 12, .l_len = 2};
	TRY(fcntl(fd, F_SETLK, &lock)); /* makes two of one */
	TRY(pwrite(fd, link, sizeof(link), 50000));
	close(fd);
	TRY(mkdir("/tmp/failing.d", 0700));
	TRY(symlink("a", "/tmp/failing.d/l"));
	TRY(readlink("/tmp/failing.d/l", link, sizeof(link)));
	remove_name("/tmp/failing.d/l");
	remove_name("/tmp/failing.d");
	if (TRY(pipe(p)) == 0) {
		TRY(write(p[1], link, sizeof(link)));
		TRY(fcntl(p[1], F_SETPIPE_SZ, 1 << 16));
		close(p[0]);
		close(p[1]);
	}
}

static void memory(void)
{
	char *p = mmap(NULL, 1 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct timespec none = {0};
	int id;

	if (TRY(p == MAP_FAILED ? -1 : 0) < 0)
		return;
	TRY(mprotect(p + 4096, 4096, PROT_NONE));
	TRY(munmap(p + 16384, 4096));
	TRY(mremap(p + 32768, 4096, 1 << 18, MREMAP_MAYMOVE) == MAP_FAILED ? -1 : 0);
	TRY(madvise(p, 4096, MADV_DONTFORK));
	munmap(p, 1 << 20);
	id = (int)TRY(shmget(IPC_PRIVATE, 8192, 0600));
	TRY(id < 0 || shmat(id, NULL, 0) == (void *)-1 ? -1 : 0);
	shmctl(id, IPC_RMID, NULL);
	id = (int)TRY(semget(IPC_PRIVATE, 3, 0600));
	TRY(semtimedop(id, &(struct sembuf){1, 1, SEM_UNDO}, 1, &none));
	semctl(id, 0, IPC_RMID);
}

/* ---- processes ---- */

static void processes(void)
{
	struct sigevent quiet = {.sigev_notify = SIGEV_NONE};
	pid_t pid = (pid_t)TRY(fork());
	timer_t timer;
	int status;

	if (pid == 0) {
		execl("/bin/busybox", "true", NULL);
		_exit(1);
	}
	waitpid(pid, &status, 0);
	pid = vfork();
	if (pid == 0)
		_exit(0);
	check("vfork", pid);
	waitpid(pid, &status, 0);
	if (TRY(timer_create(CLOCK_REALTIME, &quiet, &timer)) == 0)
		timer_delete(timer);
	TRY(setsid() < 0 && errno != EPERM ? -1 : 0);
}

int main(void)
{
	alarm(20);
	sockets();
	sets();
	events();
	files();
	memory();
	processes();
	say("done");
	return 0;
}
