/* /proc: what it says of a process, held against what system calls say. */
#include "check.h"

#include <dirent.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

static char text[1 << 16];

/* The whole of a file, as a string; its length, or -1 with errno. */
static long slurp(const char *path)
{
	int fd = open(path, O_RDONLY);
	long n = 0, got;

	text[0] = '\0';
	if (fd < 0)
		return -1;
	while ((got = read(fd, text + n, sizeof(text) - 1 - n)) > 0)
		n += got;
	int err = errno;
	close(fd);
	text[n] = '\0';
	errno = err;
	return got < 0 ? -1 : n;
}

/* What follows `key` on its line of the text; "" when it is not there. */
static const char *value_of(const char *key)
{
	static char value[256];
	size_t n = strlen(key);

	value[0] = '\0';
	for (const char *p = text; *p; p++) {
		if ((p == text || p[-1] == '\n') && !strncmp(p, key, n)) {
			for (p += n; *p == ' ' || *p == '\t'; p++)
				;
			snprintf(value, sizeof(value), "%.*s", (int)strcspn(p, "\n"), p);
			break;
		}
	}
	return value;
}

static long number_of(const char *key)
{
	return atol(value_of(key));
}

static long status_number(const char *key)
{
	slurp("/proc/self/status");
	return number_of(key);
}

/* ---- who may look ---- */

/* What of a process of root another user is told. */
static void private_files(void)
{
	static const char *const names[] = {"maps", "auxv",    "environ", "cmdline",
					    "stat", "cwd/tmp", "exe",     "fd/0"};
	char path[64];

	if (setgid(100) || setuid(1000))
		return;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "/proc/%d/%s", getppid(), names[i]);
		say("%s: %s", names[i], slurp(path) < 0 ? error_name(errno) : "ok");
	}
	snprintf(path, sizeof(path), "/proc/%d/exe", getppid());
	RESULT(readlink(path, text, sizeof(text)));
	snprintf(path, sizeof(path), "/proc/%d/wchan", getppid());
	slurp(path);
	say("wchan: %s", text);
	TRUTH(slurp("/proc/self/maps") > 0);
}

/* ---- /proc/PID/stat ---- */

static void stat_fields(void)
{
	long f[53] = {0}, nr = 2;
	char *p, name[64] = "";

	prctl(PR_SET_NAME, "a b) (c\n");
	setpriority(PRIO_PROCESS, 0, 7);
	TRUTH(slurp("/proc/self/stat") > 0);
	sscanf(text, "%ld", &f[1]);
	p = strrchr(text, ')');
	snprintf(name, sizeof(name), "%.*s", (int)(p - strchr(text, '(') + 1), strchr(text, '('));
	say("%s %c", name, p[2]);
	for (char *at = strtok(p + 4, " \n"); at && nr < 52; at = strtok(NULL, " \n"))
		f[++nr + 1] = atol(at);
	say("%ld fields", nr + 1);
	TRUTH(f[1] == getpid());
	TRUTH(f[4] == getppid());
	TRUTH(f[5] == getpgrp());
	TRUTH(f[6] == getsid(0));
	say("priority %ld nice %ld threads %ld", f[18], f[19], f[20]);
	struct timespec now;
	clock_gettime(CLOCK_BOOTTIME, &now);
	TRUTH(f[22] > 0 && f[22] / 100 <= now.tv_sec && f[22] / 100 + 60 > now.tv_sec);
	TRUTH(f[23] == status_number("VmSize:") * 1024);
	say("exit signal %ld rt %ld policy %ld", f[38], f[40], f[41]);
	say("status has the name %s", value_of("Name:"));
}

/* ---- /proc/PID/status ---- */

static void handler(int sig)
{
	(void)sig;
}

static void status_ids(void)
{
	static const char *const keys[] = {
		"Umask:",  "State:",  "Ngid:",    "TracerPid:",  "Uid:",
		"Gid:",    "Groups:", "Threads:", "SigPnd:",     "ShdPnd:",
		"SigBlk:", "SigIgn:", "SigCgt:",  "NoNewPrivs:", "Seccomp:"};
	sigset_t set;
	gid_t groups[] = {3, 4, 100};

	umask(027);
	if (syscall(SYS_setgroups, 3, groups) || setresgid(1, 2, 3) || setresuid(10, 20, 30))
		_exit(1);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGRTMAX);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGUSR2, SIG_IGN);
	signal(SIGHUP, handler);
	raise(SIGUSR1);
	kill(getpid(), SIGRTMAX);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	TRUTH(slurp("/proc/thread-self/status") > 0);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		say("%s %s", keys[i], value_of(keys[i]));
	TRUTH(number_of("Pid:") == getpid() && number_of("Tgid:") == getpid());
	TRUTH(number_of("NSpid:") == getpid() && number_of("NSsid:") == getsid(0));
	say("%s", value_of("CapEff:"));
	TRUTH(!strcmp(value_of("CapInh:"), value_of("CapAmb:")));
	RESULT(slurp("/proc/self/environ") < 0); /* another's now */
}

static void status_cpus(void)
{
	cpu_set_t set;
	char list[16];
	int cpu = 0;

	sched_getaffinity(0, sizeof(set), &set);
	while (!CPU_ISSET(cpu, &set))
		cpu++;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
	slurp("/proc/self/status");
	snprintf(list, sizeof(list), "%d", cpu);
	TRUTH(!strcmp(value_of("Cpus_allowed_list:"), list));
	TRUTH(strtol(value_of("Cpus_allowed:"), NULL, 16) == 1 << cpu || cpu > 31);
	long before = number_of("voluntary_ctxt_switches:");
	for (int i = 0; i < 20; i++)
		sleep_ms(2); /* most: the time may be over before the task has left the CPU */
	TRUTH(status_number("voluntary_ctxt_switches:") >= before + 5);
}

static void status_memory(void)
{
	const long page = 4, pages = 200;
	long size = status_number("VmSize:"), anon = number_of("RssAnon:"), shmem, peak, data;
	char *p = mmap(NULL, pages * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		       0);

	TRUTH(status_number("VmSize:") == size + pages * page);
	memset(p, 1, pages * 4096);
	TRUTH(status_number("RssAnon:") >= anon + pages * page);
	TRUTH(number_of("VmRSS:") ==
	      number_of("RssAnon:") + number_of("RssFile:") + number_of("RssShmem:"));
	TRUTH(number_of("VmPTE:") > 0 && number_of("VmStk:") >= 128 && number_of("VmExe:") > 0);
	data = number_of("VmData:");
	munmap(p, pages * 4096);
	peak = status_number("VmPeak:");
	TRUTH(peak >= size + pages * page);
	TRUTH(number_of("VmSize:") == size && number_of("VmData:") == data - pages * page);
	shmem = number_of("RssShmem:");
	p = mmap(NULL, 50 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	memset(p, 1, 50 * 4096);
	TRUTH(status_number("RssShmem:") == shmem + 50 * page);
	long m[8], kib = number_of("VmSize:"), rss = number_of("VmRSS:");
	slurp("/proc/self/statm");
	int nr = sscanf(text, "%ld %ld %ld %ld %ld %ld %ld %ld", m, m + 1, m + 2, m + 3, m + 4,
			m + 5, m + 6, m + 7);
	say("statm: %d fields, lib %ld dirty %ld", nr, m[4], m[6]);
	TRUTH(m[0] * page == kib && m[1] * page <= rss + 64 && m[2] >= 50 && m[2] < m[1]);
}

/* ---- the other files of a process ---- */

static void auxv_file(void)
{
	const unsigned long *aux;
	long n = slurp("/proc/self/auxv");

	TRUTH(n > 0 && n % 16 == 0);
	for (aux = (void *)text; aux[0]; aux += 2)
		if (aux[0] != AT_IGNORE && getauxval(aux[0]) != aux[1])
			say("type %lu differs", aux[0]);
	TRUTH((char *)(aux + 2) == text + n);
	TRUTH(getauxval(AT_PAGESZ) == 4096);
}

static void wchan_file(void)
{
	int fd[2];
	char c;

	TRUTH(slurp("/proc/self/wchan") == 1 && text[0] == '0');
	if (pipe(fd))
		_exit(1);
	pid_t child = must_fork();
	if (child == 0) {
		close(fd[1]);
		_exit(read(fd[0], &c, 1) == 0 ? 0 : 1);
	}
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/wchan", child);
	do
		sleep_ms(1);
	while (slurp(path) > 0 && text[0] == '0' && text[1] == '\0');
	TRUTH(strstr(text, "pipe_read") != NULL);
	close(fd[1]);
	reap("reader", child);
}

static void small_files(void)
{
	struct rlimit r = {100, 200};
	char path[64], target[256];

	setrlimit(RLIMIT_NOFILE, &r);
	slurp("/proc/self/limits");
	say("%s", value_of("Max open files"));
	TRUTH(slurp("/proc/self/comm") > 0);
	int fd = open("/proc/self/comm", O_WRONLY | O_TRUNC);
	RESULT(write(fd, "a-name-that-is-too-long", 23));
	close(fd);
	slurp("/proc/self/comm");
	say("%s", text);
	char name[17] = "";
	prctl(PR_GET_NAME, name);
	say("%s", name);
	fd = open("/etc/passwd", O_RDONLY);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(path, target, sizeof(target) - 1);
	say("%.*s", (int)(n > 0 ? n : 0), target);
	RESULT(chdir("/etc"));
	n = readlink("/proc/self/cwd", target, sizeof(target) - 1);
	say("%.*s", (int)(n > 0 ? n : 0), target);
	slurp("/proc/self/mountinfo");
	long lines = 0, good = 0;
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		int id, up, major, minor;

		lines++;
		good += sscanf(line, "%d %d %d:%d /", &id, &up, &major, &minor) == 4 &&
			strstr(line, " - ");
	}
	TRUTH(lines > 0 && lines == good);
}

static void errors(void)
{
	static const char *const absent[] = {"/proc/0",       "/proc/01", "/proc/99999999999",
					     "/proc/self/no", "/proc/-1", "/proc/1x"};
	struct gate g = gate_make();
	char path[64], c;

	for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++)
		say("%s: %s", absent[i], open(absent[i], O_RDONLY) < 0 ? error_name(errno) : "ok");
	RESULT(open("/proc/self/status", O_RDONLY | O_DIRECTORY));
	RESULT(write(open("/proc/self/status", O_WRONLY), "x", 1));
	pid_t child = must_fork();
	if (child == 0) {
		gate_wait(&g);
		_exit(0);
	}
	snprintf(path, sizeof(path), "/proc/%d/status", child);
	int fd = open(path, O_RDONLY), all = open("/proc/self/status", O_RDONLY);
	gate_open(&g);
	reap("child", child);
	RESULT(read(fd, &c, 1));
	RESULT(open(path, O_RDONLY));
	RESULT(lseek(all, 5, SEEK_SET));
	RESULT(read(all, &c, 1));
	RESULT(lseek(all, 1 << 20, SEEK_SET));
	RESULT(read(all, &c, 1));
	RESULT(lseek(all, -1, SEEK_SET));
	RESULT(pread(all, &c, 1, 2));
	say("%c", c);
	RESULT(read(all, (void *)8, 1));
}

/* ---- the system ---- */

static void nothing(void)
{
}

static void system_stat(void)
{
	unsigned long v[10];
	char *line;
	long cpus = 0, forks, switches;
	struct timespec now;

	TRUTH(slurp("/proc/stat") > 0);
	for (line = text; line && !strncmp(line, "cpu", 3); line = strchr(line, '\n') + 1) {
		int nr = sscanf(line, "%*s %lu %lu %lu %lu %lu %lu %lu %lu %lu %lu", v, v + 1,
				v + 2, v + 3, v + 4, v + 5, v + 6, v + 7, v + 8, v + 9);

		cpus += nr == 10 && line[3] != ' ';
	}
	TRUTH(cpus == sysconf(_SC_NPROCESSORS_ONLN));
	clock_gettime(CLOCK_BOOTTIME, &now);
	long boot = number_of("btime"), wall = time(NULL);
	TRUTH(labs(wall - now.tv_sec - boot) <= 2);
	TRUTH(number_of("procs_running") >= 1);
	forks = number_of("processes");
	switches = number_of("ctxt");
	for (int i = 0; i < 3; i++)
		in_child("forked", nothing);
	slurp("/proc/stat");
	TRUTH(number_of("processes") >= forks + 3);
	TRUTH(number_of("ctxt") > switches);
	TRUTH(number_of("intr") > 0);
}

static void system_times(void)
{
	struct sysinfo info;
	struct timespec now;
	double up, idle, load[3];
	int running, all, last, cpus = (int)sysconf(_SC_NPROCESSORS_ONLN);

	TRUTH(slurp("/proc/uptime") > 0);
	clock_gettime(CLOCK_BOOTTIME, &now);
	TRUTH(sscanf(text, "%lf %lf", &up, &idle) == 2);
	TRUTH(up <= now.tv_sec + 1 && up + 2 >= now.tv_sec);
	TRUTH(idle <= (up + 1) * cpus);
	slurp("/proc/loadavg");
	TRUTH(sscanf(text, "%lf %lf %lf %d/%d %d", load, load + 1, load + 2, &running, &all,
		     &last) == 6);
	TRUTH(running >= 1 && all >= running);
	TRUTH(sysinfo(&info) == 0);
	for (int i = 0; i < 3; i++) {
		double same = (double)info.loads[i] / 65536;

		TRUTH(same < load[i] + 0.2 && load[i] < same + 0.2);
	}
	TRUTH((long)info.uptime >= (long)up && (long)info.uptime <= (long)up + 3);
	TRUTH(info.procs >= 1 && info.mem_unit >= 1);
}

static long meminfo(const char *key)
{
	slurp("/proc/meminfo");
	return number_of(key);
}

static void system_memory(void)
{
	struct sysinfo info;
	long total = meminfo("MemTotal:"), shmem = number_of("Shmem:");
	const long size = 8 << 20;

	sysinfo(&info);
	TRUTH(total == (long)(info.totalram * info.mem_unit / 1024));
	TRUTH(number_of("MemFree:") < total && number_of("MemAvailable:") < total);
	TRUTH(number_of("Cached:") >= number_of("Shmem:") - 1024);
	TRUTH(number_of("Slab:") > 0 && number_of("KernelStack:") > 0);
	TRUTH(number_of("PageTables:") > 0 && number_of("Committed_AS:") > 0);
	TRUTH(strstr(text, "Buffers:") && strstr(text, "SwapTotal:") && strstr(text, "SwapFree:"));
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	memset(p, 1, size);
	TRUTH(meminfo("Shmem:") >= shmem + size / 1024 - 512);
	TRUTH(!strncmp(text, "MemTotal:       ", 16) && strstr(text, " kB\n"));
}

static void system_names(void)
{
	struct utsname u;

	uname(&u);
	slurp("/proc/sys/kernel/hostname");
	TRUTH(!strncmp(text, u.nodename, strlen(u.nodename)));
	slurp("/proc/sys/kernel/osrelease");
	TRUTH(!strncmp(text, u.release, strlen(u.release)));
	slurp("/proc/sys/kernel/version");
	TRUTH(!strncmp(text, u.version, strlen(u.version)));
	slurp("/proc/sys/kernel/ostype");
	say("%s", text);
	slurp("/proc/sys/kernel/pid_max");
	TRUTH(atol(text) > 300 && atol(text) <= 4194304);
	slurp("/proc/sys/kernel/threads-max");
	TRUTH(atol(text) > 0);
	slurp("/proc/cpuinfo");
	TRUTH(strstr(text, "processor\t: 0\nvendor_id\t: ") == text);
	TRUTH(strstr(text, "\nflags\t\t: fpu "));
	slurp("/proc/interrupts");
	TRUTH(strstr(text, "CPU0") && strstr(text, "LOC:"));
	TRUTH(slurp("/proc/filesystems") > 0 && strstr(text, "nodev\ttmpfs\n"));
}

int main(void)
{
	in_child("stat", stat_fields);
	in_child("ids in status", status_ids);
	in_child("CPUs in status", status_cpus);
	in_child("memory in status", status_memory);
	in_child("auxv", auxv_file);
	in_child("wchan", wchan_file);
	in_child("small files", small_files);
	in_child("errors", errors);
	in_child("private files", private_files);
	in_child("system: stat", system_stat);
	in_child("system: times", system_times);
	in_child("system: memory", system_memory);
	in_child("system: names", system_names);
	return 0;
}
