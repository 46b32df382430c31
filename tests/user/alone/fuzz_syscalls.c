/*
 * Random system calls with hostile arguments, in children that the parent kills after a second.
 *
 *   fuzz_syscalls [SEED [ROUNDS [CALLS [NUMBER...]]]]
 *
 * Each round forks one child with a seed of its own (printed when it is the last thing seen before
 * a crash: the line is written before the child starts). With NUMBERs only those calls are made.
 * Most children give up root first, so that kill(-1) and reboot stay theirs; what they leave behind
 * is killed by a process of the same user. Not for the host: it kills every process of user 12345.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ipc.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "../random.h"

#define USER        12345
#define ARENA       ((char *)0x300000000)
#define ARENA_PAGES 64
#define PAGE        4096UL

/* Argument kinds: f fd, p path, b buffer, s size, v iovec, F flags, a arena address, n pid, g
 * signal, t timespec, o offset, P prot, M mmap flags, C clone flags, m mode, c small number, S
 * sigset, V argv, O open flags, T tty ioctl, K clone_args, u futex word, z zero */
static const struct call {
	int nr;
	const char *args;
} calls[] = {
	{0, "fbs"},      {1, "fbs"},     {2, "pOm"},     {3, "f"},        {4, "pb"},
	{5, "fb"},       {6, "pb"},      {7, "bcc"},     {8, "foc"},      {9, "asPMfo"},
	{10, "asP"},     {11, "as"},     {12, "a"},      {13, "gbbz"},    {14, "cSbz"},
	{15, ""},        {16, "fTb"},    {17, "fbso"},   {18, "fbso"},    {19, "fvc"},
	{20, "fvc"},     {21, "pm"},     {22, "b"},      {23, "cbbbt"},   {24, ""},
	{25, "assca"},   {28, "asc"},    {32, "f"},      {33, "ff"},      {34, ""},
	{35, "tb"},      {39, ""},       {40, "ffbs"},   {56, "Cabbb"},   {57, ""},
	{58, ""},        {59, "pVV"},    {60, "c"},      {61, "nbcb"},    {62, "ng"},
	{63, "b"},       {72, "fcx"},    {74, "f"},      {75, "f"},       {76, "po"},
	{77, "fo"},      {79, "bs"},     {80, "p"},      {81, "f"},       {82, "pp"},
	{83, "pm"},      {84, "p"},      {85, "pm"},     {86, "pp"},      {87, "p"},
	{88, "pp"},      {89, "pbs"},    {90, "pm"},     {91, "fm"},      {92, "pcc"},
	{93, "fcc"},     {94, "pcc"},    {95, "m"},      {96, "bb"},      {97, "cb"},
	{98, "cb"},      {99, "b"},      {100, "b"},     {102, ""},       {105, "c"},
	{106, "c"},      {109, "nn"},    {110, ""},      {111, ""},       {112, ""},
	{115, "cb"},     {116, "cb"},    {121, "n"},     {124, "n"},      {127, "bz"},
	{130, "Sz"},     {131, "bb"},    {133, "pmc"},   {137, "pb"},     {138, "fb"},
	{140, "cn"},     {141, "cnc"},   {142, "nb"},    {143, "nb"},     {144, "ncb"},
	{145, "n"},      {146, "c"},     {147, "c"},     {148, "nb"},     {157, "cxxxx"},
	{158, "xx"},     {160, "cb"},    {161, "p"},     {162, ""},       {169, "xxcb"},
	{186, ""},       {200, "ng"},    {201, "b"},     {202, "ucctuc"}, {217, "fbs"},
	{218, "b"},      {219, ""},      {222, "cbb"},   {223, "cctb"},   {224, "cb"},
	{225, "c"},      {226, "c"},     {228, "cb"},    {229, "cb"},     {230, "cctb"},
	{231, "c"},      {234, "nng"},   {247, "cnbcb"}, {257, "fpOm"},   {258, "fpm"},
	{259, "fpmc"},   {260, "fpccF"}, {262, "fpbF"},  {263, "fpF"},    {264, "fpfp"},
	{265, "fpfpF"},  {266, "pfp"},   {267, "fpbs"},  {268, "fpm"},    {269, "fpm"},
	{270, "cbbbtb"}, {271, "bctSz"}, {280, "fptF"},  {292, "ffO"},    {293, "bO"},
	{295, "fvcoc"},  {296, "fvcoc"}, {302, "ncbb"},  {314, "nbc"},    {315, "nbsc"},
	{324, "ccc"},    {316, "fpfpc"}, {435, "Kz"},    {436, "ccc"},    {439, "fpmF"},
	{26, "asc"},     {27, "asb"},    {28, "asc"},    {29, "csx"},     {30, "cax"},
	{31, "ccb"},     {64, "ccx"},    {65, "cbc"},    {66, "cccb"},    {66, "cccc"},
	{67, "a"},       {149, "as"},    {150, "as"},    {151, "c"},      {152, ""},
	{220, "cbct"},   {318, "bsc"},   {325, "asc"},   {334, "bscc"},   {41, "ccc"},
	{53, "cccb"},    {42, "fbs"},    {43, "fbb"},    {44, "fbscbs"},  {45, "fbscbb"},
	{46, "fbc"},     {47, "fbc"},    {48, "fc"},     {49, "fbs"},     {50, "fc"},
	{51, "fbb"},     {52, "fbb"},    {54, "fccbs"},  {55, "fccbb"},   {288, "fbbc"},
	{232, "fbcc"},   {233, "fcfb"},  {233, "fcfb"},  {281, "fbccSz"}, {284, "c"},
	{290, "cc"},     {291, "c"},     {291, "c"},     {441, "fbctSz"}, {282, "fSz"},
	{289, "fSzc"},   {283, "cc"},    {286, "fctb"},  {287, "fb"},     {253, ""},
	{294, "c"},      {254, "fpx"},   {254, "fpx"},   {255, "fc"},
};
#define NR_CALLS (sizeof calls / sizeof *calls)

static char *good; /* four writable pages, the fourth followed by nothing */
static char *readonly;
static char paths[40][300];
static char *vectors[8];
static struct iovec iovs[16];
static int is_root;
static pid_t parent;

static const char *const names[] = {"/tmp/fz/a",
				    "/tmp/fz/b",
				    "/tmp/fz/d",
				    "/tmp/fz/d/e",
				    "/tmp/fz/d/e/f",
				    "/tmp/fz/l",
				    "/tmp/fz",
				    "/",
				    ".",
				    "..",
				    "a",
				    "b",
				    "d",
				    "d/e",
				    "d/../a",
				    "l",
				    "l/x",
				    "/dev/null",
				    "/dev/zero",
				    "/dev/zero",
				    "/dev",
				    "",
				    "/tmp/fz/loop",
				    "loop",
				    "/tmp/fz/d/.",
				    "/tmp/fz/p",
				    "/tmp/fz/d/e/..",
				    "/fuzz_syscalls",
				    "/proc/self/maps",
				    "//tmp///fz//a/",
				    "d/e/",
				    "/tmp/fz/d/e/f/g/h"};
#define NR_NAMES (sizeof names / sizeof *names)

static uint64_t hostile(void)
{
	static const uint64_t values[] = {
		0,
		1,
		0xfff,
		0x1000,
		0x7fffffffffff,
		0x7ffffffff000,
		0x7fffffffefff,
		0x800000000000,
		0x8000000000000000,
		0xffff800000000000,
		0xffff888000000000,
		0xffff888000001000,
		0xffffc90000000000,
		0xffffea0000000000,
		0xffffffff80000000,
		0xffffffff80100000,
		0xffffffffffffffff,
		0xfffffffffffff000,
		0xffffffffffffff00,
		0x7fffffff,
		0x80000000,
		0xffffffff,
		0x100000000,
		0x7fffffffffffffff,
		0x7ffffffffffff000,
		0xdeadbeefdeadbeef,
		(uint64_t)-4095,
		(uint64_t)-100,
		(uint64_t)-2,
		64,
		65,
		255,
		256,
		1024,
		1025,
		0x10000,
		0x100000,
	};
	switch (below(4)) {
	case 0:
		return rnd() >> below(64);
	case 1:
		return 1UL << below(64);
	default:
		return values[below(sizeof values / sizeof *values)] +
		       (below(4) ? 0 : below(17) - 8);
	}
}

static uint64_t buffer(void)
{
	switch (below(16)) {
	case 0:
		return 0;
	case 1:
		return hostile();
	case 2:
		return (uint64_t)readonly + below(PAGE);
	case 3:
		return (uint64_t)good + 4 * PAGE - below(64);
	case 4:
		return (uint64_t)ARENA + below(ARENA_PAGES) * PAGE + below(PAGE);
	case 5: {
		uint64_t *p = (uint64_t *)good + below(256); /* garbage in it */
		for (int i = 0; i < 8; i++)
			p[i] = below(2) ? hostile() : below(64);
		return (uint64_t)p;
	}
	default:
		return (uint64_t)good + (below(2) ? below(3 * PAGE) : below(64) * 8);
	}
}

static uint64_t path(void)
{
	static unsigned next;
	if (below(16) == 0)
		return buffer();
	char *p = paths[next++ % 40];
	switch (below(20)) {
	case 0: { /* a name at the limit */
		unsigned n = 253 + below(5);
		memset(p, 'n', n);
		p[n] = 0;
		break;
	}
	case 1: /* across the end of what is mapped */
		p = good + 4 * PAGE - below(12) - 1;
		for (char *q = p; q < good + 4 * PAGE; q++)
			*q = 'a' + below(4);
		break;
	default:
		strcpy(p, names[below(NR_NAMES)]);
	}
	return (uint64_t)p;
}

static uint64_t size(void)
{
	switch (below(8)) {
	case 0:
		return hostile();
	case 1:
		return below(8) * PAGE;
	case 2:
		return below(ARENA_PAGES) * PAGE + below(2) * below(PAGE);
	case 3:
		return below(0x40000);
	default:
		return below(9000);
	}
}

static uint64_t pid(void)
{
	switch (below(8)) {
	case 0:
		return getpid();
	case 1:
		return 0;
	case 2:
		return -1;
	case 3:
		return -getpid();
	case 4:
		return hostile();
	case 5:
		return getpid() + 1;
	case 6:
		return parent;
	default:
		return below(20);
	}
}

static uint64_t argument(char kind)
{
	if (below(24) == 0)
		return hostile();
	switch (kind) {
	case 'f':
		return below(12) == 0 ? (uint64_t)(int64_t)-100 : below(16);
	case 'p':
		return path();
	case 'b':
	case 'S':
		return buffer();
	case 's':
		return size();
	case 'v':
		for (int i = 0; i < 16; i++)
			iovs[i] = (struct iovec){(void *)buffer(), size()};
		return (uint64_t)iovs;
	case 'a':
		return (uint64_t)ARENA + below(ARENA_PAGES + 2) * PAGE +
		       (below(8) ? 0 : below(PAGE));
	case 'n':
		return pid();
	case 'g':
		return below(68);
	case 't':
		if (below(8) == 0)
			return buffer();
		struct timespec *t = (struct timespec *)good + below(100);
		*t = (struct timespec){below(4) ? 0 : (time_t)hostile(),
				       below(8) ? below(10000000) : (long)hostile()};
		return (uint64_t)t;
	case 'o':
		return below(3) ? below(20000) : hostile();
	case 'P':
		return below(16) ? below(8) : hostile();
	case 'M':
		return below(8) ? (uint64_t)(below(2) ? MAP_PRIVATE : MAP_SHARED) |
					  (below(3) ? MAP_ANONYMOUS : 0) |
					  (below(2) ? MAP_FIXED : 0) |
					  (below(8) ? 0 : 1 << below(24))
				: hostile();
	case 'C': {
		uint64_t flags = below(4) ? 17 : below(256);
		for (int i = below(6); i; i--)
			flags |= 0x100UL << below(24);
		if (below(3) == 0)
			flags |= CLONE_VM | CLONE_SIGHAND | CLONE_THREAD;
		return flags;
	}
	case 'm':
		return below(4) ? below(010000) : hostile();
	case 'V':
		for (int i = 0; i < 7; i++)
			vectors[i] = (char *)(below(8) ? path() : buffer());
		vectors[7] = below(8) ? NULL : (char *)hostile();
		return below(6) ? (uint64_t)vectors : buffer();
	case 'O':
		return below(2) ? below(4) | (O_CREAT * below(2)) : rnd() & 0x7fffff;
	case 'T':
		return below(2) ? 0x5400 + below(0x40) : hostile();
	case 'K': {
		uint64_t *a = (uint64_t *)(good + PAGE);
		for (int i = 0; i < 11; i++)
			a[i] = below(3) ? 0 : buffer();
		a[0] = argument('C') & ~0xffUL;
		a[4] = below(4) ? 17 : below(80);
		if (below(2))
			a[5] = (uint64_t)good, a[6] = size();
		return (uint64_t)a;
	}
	case 'u':
		return below(4) ? (uint64_t)good + 8 * below(64) : buffer();
	case 'z':
		return below(4) ? 8 : size();
	case 'F':
		return below(2) ? 0 : below(2) ? 0x100UL << below(8) : hostile();
	case 'c':
		return below(40);
	default:
		return below(2) ? hostile() : buffer();
	}
}

/* A root child may not take the machine or the parent with it. */
static int allowed(int nr)
{
	if (!is_root)
		return 1;
	switch (nr) {
	case SYS_kill:
	case SYS_tkill:
	case SYS_tgkill:
	case SYS_reboot:
	case SYS_fork:
	case SYS_vfork:
	case SYS_clone:
	case SYS_clone3:
	case SYS_setpriority:
	case SYS_sched_setscheduler:
	case SYS_sched_setparam:
	case SYS_setrlimit:
	case SYS_prlimit64:
	case SYS_chroot:
		return 0;
	}
	return 1;
}

static long raw(long nr, const uint64_t *a)
{
	register uint64_t r10 __asm__("r10") = a[3];
	register uint64_t r8 __asm__("r8") = a[4];
	register uint64_t r9 __asm__("r9") = a[5];
	long result;
	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(nr), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}

static void child(uint64_t seed, unsigned count, int nr_only, char **only, int verbose)
{
	random_state = seed;
	is_root = below(8) == 0;
	parent = getppid();
	setsid();
	chdir("/tmp/fz");
	good = mmap((void *)0x200000000, 4 * PAGE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	readonly = mmap((void *)0x210000000, PAGE, PROT_READ,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	mmap(ARENA, ARENA_PAGES / 2 * PAGE, PROT_READ | PROT_WRITE,
	     (below(2) ? MAP_PRIVATE : MAP_SHARED) | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	/* descriptors 3.. hold one of each kind; 0..2 are /dev/null so that output stays readable
	 */
	int out = verbose ? dup2(1, 40) : -1;
	int null = open("/dev/null", O_RDWR);
	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	int p[2];
	pipe(p);
	pipe2(p, O_NONBLOCK);
	open("/tmp/fz/a", O_RDWR | O_CREAT, 0666);
	open("/tmp/fz/b", O_RDWR | O_CREAT | O_APPEND, 0666);
	open("/tmp/fz", O_RDONLY | O_DIRECTORY);
	open("/dev/zero", O_RDWR);
	open("/dev/zero", O_RDWR | O_NONBLOCK);
	struct rlimit files = {4 << 20, 4 << 20};
	setrlimit(RLIMIT_FSIZE, &files);
	struct rlimit procs = {64, 64};
	setrlimit(RLIMIT_NPROC, &procs);
	if (!is_root && setresuid(USER, USER, USER) != 0 && setuid(USER) != 0)
		_exit(1);
	for (unsigned i = 0; i < count; i++) {
		uint64_t a[6];
		const struct call *call = NULL;
		long nr;
		if (nr_only) {
			nr = atoi(only[below(nr_only)]);
			for (unsigned k = 0; k < NR_CALLS; k++)
				if (calls[k].nr == nr)
					call = &calls[k];
		} else if (below(16)) {
			call = &calls[below(NR_CALLS)];
			nr = call->nr;
		} else {
			nr = below(4) ? below(513) : hostile();
		}
		for (unsigned k = 0; k < 6; k++)
			a[k] = argument(call && k < strlen(call->args) ? call->args[k] : 'x');
		if ((int)nr == SYS_exit || (int)nr == SYS_exit_group || (int)nr == SYS_pause)
			if (below(16))
				continue;
		if ((int)nr == SYS_rt_sigreturn && below(8))
			continue;
		if (!allowed((int)nr))
			continue;
		if ((nr == SYS_clone && (a[0] & CLONE_VM)) && below(4))
			a[1] = (uint64_t)good + 3 * PAGE + 64; /* a stack of sorts */
		if (verbose)
			dprintf(out, "%d %u: %ld(%lx, %lx, %lx, %lx, %lx, %lx)\n", getpid(), i, nr,
				a[0], a[1], a[2], a[3], a[4], a[5]);
		long result = raw(nr, a);
		if (verbose)
			dprintf(out, "%d = %ld\n", getpid(), result);
	}
	_exit(0);
}

static void kicked(int sig)
{
	(void)sig;
}

static void nap(long ms)
{
	struct timespec t = {ms / 1000, ms % 1000 * 1000000};
	nanosleep(&t, NULL);
}

/* Ends all that the rounds left behind. */
static void sweep(void)
{
	pid_t pid = fork();
	if (pid == 0) {
		if (setuid(USER) == 0)
			kill(-1, SIGKILL);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
}

/* Semaphores and shared memory outlive who made them: remove them, by their place in the table. */
static void sweep_ipc(void)
{
	char ds[256];
	int id;

	for (int i = 0; i < 32768; i++) {
		if ((id = semctl(i, 0, SEM_STAT, ds)) >= 0)
			semctl(id, 0, IPC_RMID);
		if ((id = shmctl(i, SHM_STAT, (void *)ds)) >= 0)
			shmctl(id, IPC_RMID, NULL);
	}
}

static void empty(const char *name)
{
	DIR *dir = opendir(name);
	struct dirent *e;
	if (!dir)
		return;
	while ((e = readdir(dir))) {
		char sub[1024];
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		snprintf(sub, sizeof sub, "%s/%s", name, e->d_name);
		if (unlink(sub) != 0) {
			chmod(sub, 0700);
			empty(sub);
			rmdir(sub);
		}
		rewinddir(dir);
	}
	closedir(dir);
}

int main(int argc, char **argv)
{
	if (getuid() != 0 || argc < 1 || getenv("FUZZING"))
		return 0;
	setvbuf(stdout, NULL, _IONBF, 0);
	uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
	unsigned rounds = argc > 2 ? atoi(argv[2]) : 50;
	unsigned count = argc > 3 ? atoi(argv[3]) : 300;
	int verbose = getenv("VERBOSE") != NULL;
	unsigned ended = 0, killed = 0, slow = 0;
	struct rlimit core = {0, 0};
	setrlimit(RLIMIT_CORE, &core);
	for (int sig = 1; sig < 65; sig++)
		if (sig != SIGCHLD)
			signal(sig, SIG_IGN);
	for (unsigned round = 0; round < rounds; round++) {
		mkdir("/tmp/fz", 0777);
		chmod("/tmp/fz", 0777);
		mkdir("/tmp/fz/d", 0777);
		chmod("/tmp/fz/d", 0777);
		symlink("d", "/tmp/fz/l");
		symlink("loop", "/tmp/fz/loop");
		if (round % 10 == 0 || verbose)
			printf("seed %lu\n", (unsigned long)(seed + round));
		pid_t pid = fork();
		if (pid == 0) {
			for (int sig = 1; sig < 65; sig++)
				signal(sig, SIG_DFL);
			struct sigaction kick = {
				.sa_handler =
					kicked}; /* no SA_RESTART: what blocks is left with EINTR */
			sigaction(SIGURG, &kick, NULL);
			child(seed + round, count, argc > 4 ? argc - 4 : 0, argv + 4, verbose);
		}
		int status = 0, done = 0;
		for (int i = 0; i < 100 && !done; i++) {
			done = waitpid(pid, &status, WNOHANG) == pid;
			if (!done) {
				nap(10);
				kill(pid, SIGURG);
				if (i % 8 == 0)
					kill(pid, SIGCONT);
			}
		}
		if (!done) {
			kill(pid, SIGKILL);
			for (int i = 0; i < 500 && !done; i++) {
				done = waitpid(pid, &status, WNOHANG) == pid;
				if (!done)
					nap(10);
			}
			if (!done) {
				printf("seed %lu: %d cannot be killed\n",
				       (unsigned long)(seed + round), pid);
				return 1;
			}
			slow++;
		} else if (WIFEXITED(status)) {
			ended++;
		} else {
			killed++;
		}
		sweep();
		empty("/tmp/fz");
	}
	rmdir("/tmp/fz");
	remove("/fuzz_syscalls"); /* one of the names: a child that is root may have made it */
	sweep_ipc();
	fprintf(stderr, "ended %u, killed %u, slow %u\n", ended, killed, slow);
	puts("done");
	return 0;
}
