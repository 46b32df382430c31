/*
 * Suite "alloc": each allocation that a system call makes is made to fail in turn. The call must
 * return an error that its man page has for that, or do without the memory, and leak nothing. The
 * suites "fork" and "exec" do the same for their calls.
 */
#include <asm/ioctls.h>
#include <linux/fcntl.h>
#include <linux/mman.h>
#include <linux/stat.h>
#include "kernel/ipc/ipc.h"
#include "kernel/lib/fault_injection.h"
#include "kernel/lib/log.h"
#include "kernel/lib/string.h"
#include "kernel/lib/syscall.h"
#include "kernel/net/socket.h"
#include "mm/mm.h"
#include "tests/kernel/ktest.h"
#include "tests/kernel/user_task.h"

#define DATA_PAGES 8
#define BUFFER     (USER_DATA + 2 * PAGE_SIZE) /* what is read and written */
#define BUFFER_LEN (4 * PAGE_SIZE)
#define RESULT     (USER_DATA + PAGE_SIZE) /* what a call stores */
#define AREA       0x10000000UL            /* mapped by some operations */
#define AREA_PAGES 64UL

/* End of the strings and structures that were stored as arguments. */
static u64 argument_end;

static void __user *put_bytes(const void *data, size_t n)
{
	void __user *at = (void __user *)argument_end;

	EXPECT(argument_end + n <= RESULT && copy_to_user(at, data, n) == 0);
	argument_end = (argument_end + n + 7) & ~7UL;
	return at;
}

static char __user *put_text(const char *text)
{
	return put_bytes(text, strlen(text) + 1);
}

static int result_int(int i)
{
	int value = -1;

	EXPECT(copy_from_user(&value, (int __user *)RESULT + i, sizeof(value)) == 0);
	return value;
}

/* Turn every result of a successful call into 0. */
static long failed(long result)
{
	return MIN(result, 0L);
}

/* A short count is a failure too. */
static long whole(long n, long wanted)
{
	return n == wanted ? 0 : n < 0 ? n : -ENOMEM;
}

static long open_at(const char *path, int flags)
{
	return sys_openat(AT_FDCWD, put_text(path), flags, 0644);
}

static long fill(int fd, size_t n)
{
	return whole(sys_write(fd, (void __user *)BUFFER, n), (long)n);
}

/* ---- the operations; remove_all() removes what they create ---- */

static long pipe(void)
{
	long err = sys_pipe2((int __user *)RESULT, 0);

	return err ? err : fill(result_int(1), 3 * PAGE_SIZE);
}

static long fifo(void)
{
	long err = sys_mknodat(AT_FDCWD, put_text("/a"), S_IFIFO | 0600, 0);

	return err ? err : failed(open_at("/a", O_RDWR));
}

static long socket_pair(void)
{
	long err = sys_socketpair(AF_UNIX, SOCK_STREAM, 0, (int __user *)RESULT);

	return err ? err : fill(result_int(0), 5000);
}

static long datagram(void)
{
	static const char name[] = "\1\0\0an abstract name"; /* AF_UNIX */
	long fd = sys_socket(AF_UNIX, SOCK_DGRAM, 0), err;
	void __user *address = put_bytes(name, sizeof(name));

	if (fd < 0)
		return fd;
	err = sys_bind((int)fd, address, sizeof(name));
	return err ? err
		   : whole(sys_sendto((int)fd, (void __user *)BUFFER, 100, 0, address,
				      sizeof(name)),
			   100);
}

static long file(void)
{
	long fd = open_at("/a", O_CREAT | O_RDWR), err;

	if (fd < 0)
		return fd;
	err = fill((int)fd, 3 * PAGE_SIZE);
	err = err ? err : sys_fallocate((int)fd, 0, 0, 16 * PAGE_SIZE);
	err = err ? err : failed(sys_sendfile((int)fd, (int)fd, NULL, PAGE_SIZE));
	return err ? err : sys_ftruncate((int)fd, 20);
}

static long names(void)
{
	char __user *a = put_text("/a"), *b = put_text("/b"), *c = put_text("/c");
	long err = sys_mkdirat(AT_FDCWD, a, 0755);

	err = err ? err : sys_symlinkat(a, AT_FDCWD, b);
	err = err ? err : sys_linkat(AT_FDCWD, b, AT_FDCWD, c, 0);
	err = err ? err : sys_renameat2(AT_FDCWD, c, AT_FDCWD, put_text("/a/c"), 0);
	err = err ? err : failed(sys_readlinkat(AT_FDCWD, b, (char __user *)BUFFER, 100));
	err = err ? err : sys_chdir(b);
	err = err ? err : failed(sys_getcwd((char __user *)BUFFER, 100));
	return err ? err : sys_chdir(put_text("/"));
}

/* Files of all types but directories, with a name and without. */
static long not_directories(void)
{
	long fd = open_at("/a", O_CREAT | O_RDWR), err = failed(fd);

	err = err ? err : sys_pipe2((int __user *)RESULT, 0);
	err = err ? err : sys_openat((int)fd, put_text("x"), O_RDONLY, 0);
	if (err == -ENOTDIR)
		err = sys_openat(result_int(0), put_text("x"), O_RDONLY, 0);
	return err == -ENOTDIR ? 0 : err;
}

static long list(const char *path)
{
	long fd = open_at(path, O_RDONLY | O_DIRECTORY);

	return fd < 0 ? fd : failed(sys_getdents64((int)fd, (void __user *)BUFFER, BUFFER_LEN));
}

static long directories(void)
{
	long err = list("/");

	err = err ? err : list("/proc");
	return err ? err : list("/proc/self/fd");
}

static long text(const char *path)
{
	long fd = open_at(path, O_RDONLY);

	return fd < 0 ? fd : failed(sys_read((int)fd, (void __user *)BUFFER, BUFFER_LEN));
}

static long proc(void)
{
	static const char *const paths[] = {
		"/proc/self/maps",    "/proc/self/status",
		"/proc/self/stat",    "/proc/self/limits",
		"/proc/self/environ", "/proc/meminfo",
		"/proc/stat",         "/proc/mounts",
		"/proc/interrupts",   "/proc/sys/kernel/pid_max",
	};
	long err = 0;

	for (size_t i = 0; i < ARRAY_SIZE(paths) && !err; i++)
		err = text(paths[i]);
	return err;
}

static long mount_tmpfs(void)
{
	char __user *type = put_text("tmpfs"), *at = put_text("/a");
	long err = sys_mkdirat(AT_FDCWD, at, 0755);

	err = err ? err : sys_mount(type, at, type, 0, put_text("size=1m,mode=700"));
	return err ? err : failed(open_at("/a/inside", O_CREAT | O_RDWR));
}

static long mount_proc(void)
{
	char __user *type = put_text("proc"), *at = put_text("/a");
	long err = sys_mkdirat(AT_FDCWD, at, 0755);

	err = err ? err : sys_mount(type, at, type, 0, NULL);
	return err ? err : text("/a/self/stat");
}

static long terminal(void)
{
	int unlocked = 0;
	long fd = open_at("/dev/ptmx", O_RDWR | O_NOCTTY), err;

	if (fd < 0)
		return fd;
	err = sys_ioctl((int)fd, TIOCSPTLCK, (unsigned long)put_bytes(&unlocked, sizeof(unlocked)));
	err = err ? err : sys_ioctl((int)fd, TIOCGPTPEER, O_RDWR | O_NOCTTY);
	return err < 0 ? err : fill((int)fd, 10);
}

static long locks(void)
{
	struct flock whole_file = {.l_type = F_WRLCK},
		     middle = {.l_type = F_UNLCK, .l_start = 5, .l_len = 5};
	long fd = open_at("/a", O_CREAT | O_RDWR), err;

	if (fd < 0)
		return fd;
	err = sys_fcntl((int)fd, F_SETLK,
			(unsigned long)put_bytes(&whole_file, sizeof(whole_file)));
	err = err ? err
		  : sys_fcntl((int)fd, F_SETLK, (unsigned long)put_bytes(&middle, sizeof(middle)));
	return err ? err : sys_flock((int)fd, LOCK_EX);
}

static long in_memory(void)
{
	long fd = sys_memfd_create(put_text("name"), 0), err;

	if (fd < 0)
		return fd;
	err = fill((int)fd, 2 * PAGE_SIZE);
	err = err ? err
		  : failed(sys_mmap(AREA, 4 * PAGE_SIZE, PROT_READ | PROT_WRITE,
				    MAP_SHARED | MAP_FIXED, (int)fd, 0));
	return err;
}

static long areas(void)
{
	long err = failed(sys_mmap(AREA, AREA_PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_POPULATE, -1, 0));

	err = err ? err : sys_mprotect(AREA + 8 * PAGE_SIZE, 8 * PAGE_SIZE, PROT_READ);
	err = err ? err : sys_munmap(AREA + 20 * PAGE_SIZE, PAGE_SIZE);
	err = err ? err : sys_mlock(AREA + 30 * PAGE_SIZE, PAGE_SIZE);
	return err ? err
		   : failed(sys_mremap(AREA + 40 * PAGE_SIZE, 2 * PAGE_SIZE, 4 * PAGE_SIZE,
				       MREMAP_MAYMOVE | MREMAP_FIXED,
				       AREA + 2 * AREA_PAGES * PAGE_SIZE));
}

static long shm = -1, sem = -1;

static long shared_memory(void)
{
	long err;

	shm = sys_shmget(IPC_PRIVATE, 3 * PAGE_SIZE, IPC_CREAT | 0600);
	err = shm < 0 ? shm : failed(sys_shmat((int)shm, AREA, 0));
	return err;
}

static long semaphores(void)
{
	struct sembuf up = {.sem_num = 1, .sem_op = 2, .sem_flg = SEM_UNDO};

	sem = sys_semget(IPC_PRIVATE, 3, IPC_CREAT | 0600);
	return sem < 0 ? sem : sys_semop((int)sem, put_bytes(&up, sizeof(up)), 1);
}

static int timer = -1;

static long posix_timer(void)
{
	long err = sys_timer_create(CLOCK_MONOTONIC, NULL, (int __user *)RESULT);

	if (!err)
		timer = result_int(0);
	return err;
}

static long events(void)
{
	static const u32 event[3] = {1 /* EPOLLIN */};
	long fd = sys_eventfd2(1, 0), ep = sys_epoll_create1(0);

	if (fd < 0 || ep < 0)
		return MIN(fd, ep);
	return sys_epoll_ctl((int)ep, 1 /* EPOLL_CTL_ADD */, (int)fd,
			     put_bytes(event, sizeof(event)));
}

static long many_descriptors(void)
{
	struct pollfd fds[100];
	long err = failed(sys_eventfd2(0, 0));

	err = err ? err : failed(sys_dup2(0, 500));
	memset(fds, 0, sizeof(fds));
	return err ? err : failed(sys_poll(put_bytes(fds, sizeof(fds)), ARRAY_SIZE(fds), 0));
}

static long vectors(void)
{
	struct iovec iov[20];
	long fd = open_at("/a", O_CREAT | O_RDWR);

	for (size_t i = 0; i < ARRAY_SIZE(iov); i++)
		iov[i] = (struct iovec){.iov_base = (void *)BUFFER, .iov_len = 100};
	return fd < 0 ? fd
		      : whole(sys_writev((int)fd, put_bytes(iov, sizeof(iov)), ARRAY_SIZE(iov)),
			      2000);
}

/* The table of handlers is shared, as with a child: a change makes a copy of it. */
static long action(void)
{
	struct k_sigaction ignore = {.handler = (u64)SIG_IGN}, old;
	struct sighand *child = clone_sighand(current->sighand);
	long err;

	if (!child)
		return -ENOMEM;
	err = do_sigaction(SIGUSR1, &ignore, &old);
	if (!err)
		EXPECT_EQ(signal_handler(child, SIGUSR1), old.handler); /* still the old one */
	put_sighand(child);
	return err ? err : do_sigaction(SIGUSR1, &old, NULL);
}

/* A program that may not be executed: exec still allocates memory for the names. */
static long program(void)
{
	long dir = open_at("/", O_RDONLY | O_DIRECTORY);
	long err = failed(open_at("/a", O_CREAT | O_RDWR));

	if (dir < 0 || err)
		return MIN(dir, err);
	err = sys_execveat((int)dir, put_text("a"), NULL, NULL, 0);
	return err == -EACCES ? 0 : err;
}

static long groups(void)
{
	static const gid_t some[] = {1, 2, 3};
	long err = sys_setgroups(ARRAY_SIZE(some), put_bytes(some, sizeof(some)));

	return err ? err : sys_setgroups(0, NULL);
}

static const struct operation {
	const char *name;
	long (*run)(void);
} operations[] = {
	{"pipe", pipe},
	{"FIFO", fifo},
	{"socketpair", socket_pair},
	{"datagram", datagram},
	{"file", file},
	{"names", names},
	{"not directories", not_directories},
	{"directories", directories},
	{"proc", proc},
	{"mount of tmpfs", mount_tmpfs},
	{"mount of proc", mount_proc},
	{"pseudo-terminal", terminal},
	{"locks", locks},
	{"memfd", in_memory},
	{"areas", areas},
	{"shared memory", shared_memory},
	{"semaphores", semaphores},
	{"timer", posix_timer},
	{"events", events},
	{"many descriptors", many_descriptors},
	{"vectors", vectors},
	{"action", action},
	{"program", program},
	{"groups", groups},
};

/* ---- the walk ---- */

static void remove_all(void)
{
	sys_chdir(put_text("/"));
	sys_close_range(0, ~0U, 0);
	sys_munmap(AREA, 4 * AREA_PAGES * PAGE_SIZE);
	sys_umount2(put_text("/a"), 0);
	sys_unlinkat(AT_FDCWD, put_text("/a/c"), 0);
	sys_unlinkat(AT_FDCWD, put_text("/a"), 0);
	sys_unlinkat(AT_FDCWD, put_text("/a"), AT_REMOVEDIR);
	sys_unlinkat(AT_FDCWD, put_text("/b"), 0);
	sys_unlinkat(AT_FDCWD, put_text("/c"), 0);
	if (shm >= 0)
		sys_shmctl((int)shm, IPC_RMID, NULL);
	if (sem >= 0)
		sys_semctl((int)sem, 0, IPC_RMID, 0);
	if (timer >= 0)
		sys_timer_delete(timer);
	shm = sem = timer = -1;
	exit_sem(current);
}

static long run_once(const struct operation *op)
{
	long err;

	argument_end = USER_DATA;
	err = op->run();
	argument_end = USER_DATA;
	return err;
}

/* False: the operation ended before the n-th pass through the site. */
static bool run_with_fault(const struct operation *op, struct fault_site *site, u32 n)
{
	struct account before, after;
	bool reached;
	long err;

	account_take(&before);
	fault_arm(site->name, n);
	err = run_once(op);
	reached = site->countdown == 0;
	fault_arm(site->name, 0);
	remove_all();
	account_take(&after);
	if (!EXPECT(account_equal(&before, &after)) ||
	    !EXPECT(err == 0 || (reached && (err == -ENOMEM || err == -EAGAIN || err == -ENFILE ||
					     err == -ENOBUFS || err == -ENOSPC || err == -ENOLCK))))
		console_printf("# %s: %ld after failure %u of site %s\n", op->name, err, n,
			       site->name);
	return reached;
}

static void walk(const struct operation *op)
{
	EXPECT_EQ(run_once(op), 0); /* allocates what is kept for later calls */
	remove_all();
	LINKER_SET_FOREACH(fault_sites, site)
	{
		u32 n = 1;

		while (run_with_fault(op, *site, n) && EXPECT(n < 1000))
			n++;
		if (n > 1)
			console_printf("# %s: %s: %u places\n", op->name, (*site)->name, n - 1);
	}
}

KTEST(alloc, system_calls)
{
	if (!EXPECT(user_context_enter(DATA_PAGES)))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(operations); i++)
		walk(&operations[i]);
	user_context_leave();
}
