/* rseq(2): registration, critical sections, and what fork, threads and exec do with them. */
#include "rseq.h"

#include "threads.h"
#include "tracing.h"
#include <sys/time.h>

static struct area area, other;
static char *own_path;

/* ---- registration ---- */

static void errors(void)
{
	char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	RESULT(rseq(&area, 0, 0, SIG));
	RESULT(rseq(&area, 28, 0, SIG));
	RESULT(rseq(&area, 31, 0, SIG));
	RESULT(rseq((char *)&area + 8, 32, 0, SIG));
	RESULT(rseq((char *)&area + 16, 64, 0, SIG));
	RESULT(rseq(&area, 32, 2, SIG));
	RESULT(rseq(&area, 32, -1, SIG));
	RESULT(rseq(&area, 32, RSEQ_FLAG_UNREGISTER, SIG));
	RESULT(rseq(NULL, 32, RSEQ_FLAG_UNREGISTER, SIG));
	RESULT(rseq(NULL, 0, RSEQ_FLAG_UNREGISTER, 0));
	RESULT(rseq(NULL, 32, 0, SIG));
	RESULT(rseq((void *)0x1001, 32, 0, SIG));
	RESULT(rseq((void *)0x7fffffffefe0, 64, 0, SIG));
	RESULT(rseq((void *)0x7fffffffffe0, 32, 0, SIG));
	RESULT(rseq((void *)0xffff800000000000, 32, 0, SIG));
	RESULT(rseq((void *)0xffffffffffffffe0, 32, 0, SIG));
	mprotect(page, 4096, PROT_NONE);
	RESULT(rseq(page, 32, 0, SIG));
}

static void registered(void)
{
	unsigned int cpu = ~0u, node = ~0u;

	stay_on_one_cpu();
	area.section = 0x123456;
	RESULT(begin(&area));
	syscall(SYS_getcpu, &cpu, &node, NULL);
	TRUTH(area.section == 0);
	TRUTH(area.cpu_id == cpu && area.cpu_id_start == cpu && area.node_id == node);
	say("mm_cid: %u, flags: %u", area.mm_cid, area.flags);
	RESULT(rseq(&area, 32, 0, SIG));
	RESULT(rseq(&area, 64, 0, SIG));
	RESULT(rseq(&area, 32, 0, SIG + 1));
	RESULT(rseq(&other, 32, 0, SIG));
	RESULT(rseq(&other, 31, 0, SIG));
	RESULT(rseq(&area, 32, RSEQ_FLAG_UNREGISTER | 2, SIG));
	RESULT(rseq(&other, 32, RSEQ_FLAG_UNREGISTER, SIG));
	RESULT(rseq(&area, 64, RSEQ_FLAG_UNREGISTER, SIG));
	RESULT(rseq(&area, 32, RSEQ_FLAG_UNREGISTER, SIG + 1));
	RESULT(rseq(&area, 32, RSEQ_FLAG_UNREGISTER, SIG));
	RESULT(rseq(&area, 32, RSEQ_FLAG_UNREGISTER, SIG));
	say("after it: %d %u %u %u", (int)area.cpu_id, area.cpu_id_start, area.node_id,
	    area.mm_cid);
	RESULT(rseq(&area, 33, 0, 0));
	RESULT(rseq(&area, 33, RSEQ_FLAG_UNREGISTER, 0));
}

static void read_only(void)
{
	struct area *page =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	page->section = 1;
	mprotect(page, 4096, PROT_READ);
	RESULT(begin(page));
	mprotect(page, 4096, PROT_READ | PROT_WRITE);
	RESULT(begin(page));
}

static void cannot_be_written(void)
{
	struct area *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	signal(SIGSEGV, (void (*)(int))1);
	begin(page);
	say("not reached");
}

static void each_cpu(void)
{
	cpu_set_t all = cpus_allowed(), one;
	int wrong = 0;

	begin(&area);
	for (int round = 0; round < 50; round++)
		for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
			if (!CPU_ISSET(cpu, &all))
				continue;
			CPU_ZERO(&one);
			CPU_SET(cpu, &one);
			sched_setaffinity(0, sizeof(one), &one);
			wrong += (int)area.cpu_id != cpu || (int)area.cpu_id_start != cpu;
			wrong += area.mm_cid != 0;
		}
	say("a wrong id: %d", wrong);
}

/* ---- fork, threads, exec ---- */

static void forked(void)
{
	RESULT(begin(&area));
	RESULT(begin(&other));
	TRUTH((int)area.cpu_id == sched_getcpu() && area.mm_cid == 0);
	RESULT(rseq(&area, 32, RSEQ_FLAG_UNREGISTER, SIG));
}

static void forked_from_thread(void)
{
	RESULT(begin(&other));
	TRUTH((int)other.cpu_id == sched_getcpu() && other.mm_cid == 0);
}

static void vforked(void)
{
	volatile long first = 9, second = 9;
	pid_t pid = vfork();

	if (pid == 0) {
		first = begin(&other);
		second = rseq(&other, 32, RSEQ_FLAG_UNREGISTER, SIG);
		_exit(0);
	}
	reap("vforked", pid);
	say("in the child of vfork: %ld %ld", first, second);
	RESULT(begin(&area)); /* still this task's */
}

/* The C library does not register the threads of a thread that has dropped its own area. */
static void *in_thread(void *arg)
{
	RESULT(rseq(&area, 32, RSEQ_FLAG_UNREGISTER, SIG));
	RESULT(begin(&other));
	TRUTH((int)other.cpu_id >= 0);
	in_child("a child of the thread", forked_from_thread);
	RESULT(rseq(&other, 32, RSEQ_FLAG_UNREGISTER, SIG));
	return arg;
}

static void inherited(void)
{
	stay_on_one_cpu();
	RESULT(begin(&area));
	in_child("a child", forked);
	vforked();
	join(start(in_thread, NULL));
	say("exec");
	execl(own_path, own_path, "again", NULL);
}

static void after_exec(void)
{
	TRUTH(drop_own());
	RESULT(begin(&area));
}

/* ---- critical sections ---- */

static volatile int inside, stop, handled;

static void on_alarm(int sig, siginfo_t *info, void *context)
{
	(void)info, (void)sig, (void)context;
	if (!inside)
		return;
	handled = area.section == 0 ? 1 : 2; /* the section was left before the handler */
	stop = 1;
}

static void alarms(void)
{
	struct sigaction sa = {.sa_sigaction = on_alarm, .sa_flags = SA_SIGINFO};
	struct itimerval value = {.it_value.tv_usec = 20000, .it_interval.tv_usec = 20000};

	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &value, NULL);
}

static void by_signal(void)
{
	bool left;

	begin(&area);
	alarms();
	do { /* it may be disturbed by others before */
		inside = 0;
		left = stay_in_section(&area, &inside, &stop);
	} while (!handled);
	TRUTH(left);
	say("handler: %d, section: %lu", handled, (unsigned long)area.section);
}

static void flags_of_area(void)
{
	begin(&area);
	area.flags = 1;
	alarms();
	stay_in_section(&area, &inside, &stop);
	say("not reached");
}

/* A section that this process is not in: it is looked at, and forgotten. */
static struct {
	uint32_t mark;
	char handler[12];
} code = {.mark = SIG};

static struct rseq_cs section;

static void nothing(int sig)
{
	(void)sig;
}

static void use_section(const void *at)
{
	signal(SIGUSR1, nothing);
	begin(&area);
	area.section = (uint64_t)at;
	raise(SIGUSR1);
	say("survived, section: %lu", (unsigned long)area.section);
}

static struct rseq_cs fine_section(void)
{
	return (struct rseq_cs){
		.start_ip = 0x10000, .post_commit_offset = 16, .abort_ip = (uint64_t)code.handler};
}

static void try_section(const char *what)
{
	pid_t pid = must_fork();

	if (pid == 0) {
		use_section(&section);
		_exit(0);
	}
	reap(what, pid);
}
#define TRY(change)                       \
	do {                              \
		section = fine_section(); \
		section.change;           \
		try_section(#change);     \
	} while (0)

static void sections(void)
{
	TRY(flags = 0);
	TRY(flags = 1);
	TRY(flags = 0x80);
	TRY(version = 1);
	TRY(start_ip = 0);
	TRY(start_ip = 0x7fffffffefff);
	TRY(start_ip = 0x7fffffffeff0);
	TRY(start_ip = 0x7fffffffefef);
	TRY(start_ip = 0x7ffffffff000);
	TRY(start_ip = 0xffffffff80000000);
	TRY(post_commit_offset = 0);
	TRY(post_commit_offset = -1ul);
	TRY(post_commit_offset = 0x7fffffff0000);
	TRY(post_commit_offset = -0x10000ul);
	TRY(abort_ip = 0);
	TRY(abort_ip = 2);
	TRY(abort_ip = section.start_ip);
	TRY(abort_ip = section.start_ip + 15);
	TRY(abort_ip++);
	TRY(abort_ip = (uint64_t)code.handler + 4);
	TRY(abort_ip = 0x7ffffffff000);
	TRY(abort_ip = 0xffffffff80000004);
	TRY(abort_ip = -1ul);
}

static void section_unmapped(void)
{
	use_section((void *)0x10000);
}

static void section_in_kernel(void)
{
	use_section((void *)0xffffffff80000000);
}

static void section_at_the_end(void)
{
	use_section((void *)0x7fffffffefff);
}

static void section_unaligned(void)
{
	static char room[sizeof(section) + 1];

	section = fine_section();
	memcpy(room + 1, &section, sizeof(section));
	use_section(room + 1);
}

static void segv(int sig)
{
	(void)sig;
	unsigned long was = area.section;

	area.section = 0; /* or the next switch is fatal */
	say("a handler of SIGSEGV: section %lu", was);
	_exit(7);
}

static void with_handler(void)
{
	signal(SIGSEGV, segv);
	use_section((void *)0x10000);
}

static void with_handler_that_returns(void)
{
	signal(SIGSEGV, nothing);
	use_section((void *)0x10000);
}

static void preempted_in_bad_section(void)
{
	begin(&area);
	area.section = 0x10000;
	for (;;)
		;
}

/* ---- threads that count in sections ---- */

#define COUNTERS 3
#define CPUS     1024
#define SLEEPS   300

static volatile long cells[8 * CPUS];
static size_t id_at; /* offset of the id that chooses the cell */
static long aborts, added;
static volatile bool counted; /* the sleeper has done its part */

static void count_once(struct area *a)
{
	while (!add_in_section(a, (uint32_t *)((char *)a + id_at), cells))
		__atomic_add_fetch(&aborts, 1, __ATOMIC_RELAXED);
	__atomic_add_fetch(&added, 1, __ATOMIC_RELAXED);
}

/* One of the threads sleeps now and then; each time it wakes it disturbs the busy ones. */
static void *counts(void *sleeps)
{
	struct area mine = {0};

	if (begin(&mine) != 0)
		say("not registered");
	for (int n = 0; sleeps ? n < SLEEPS : !counted; n++) {
		count_once(&mine);
		if (sleeps)
			syscall(SYS_nanosleep, &(struct timespec){.tv_nsec = 200000}, NULL);
	}
	counted = true;
	if (rseq(&mine, sizeof(mine), RSEQ_FLAG_UNREGISTER, SIG) != 0)
		say("not unregistered");
	return NULL;
}

static void count_together(void)
{
	pthread_t threads[COUNTERS];
	long sum = 0, highest = 0;

	for (int i = 0; i < COUNTERS; i++)
		threads[i] = start(counts, i == 0 ? &sum : NULL);
	for (int i = 0; i < COUNTERS; i++)
		join(threads[i]);
	for (int i = 0; i < CPUS; i++) {
		sum += cells[8 * i];
		if (cells[8 * i])
			highest = i;
	}
	TRUTH(added > SLEEPS);
	say("lost: %ld", added - sum);
	TRUTH(highest < sysconf(_SC_NPROCESSORS_CONF));
}

static void count_by_cpu(void)
{
	id_at = offsetof(struct area, cpu_id);
	count_together();
}

static void count_on_one_cpu(void)
{
	stay_on_one_cpu();
	count_by_cpu();
	TRUTH(aborts > 0);
}

static void count_by_mm_cid(void)
{
	id_at = offsetof(struct area, mm_cid);
	count_together();
}

/* ---- membarrier(2) ---- */

static volatile int aborted;

static void *stays(void *arg)
{
	struct area mine = {0};

	if (begin(&mine) != 0)
		say("not registered");
	aborted = stay_in_section(&mine, &inside, &stop) ? 1 : 2;
	return arg;
}

static long membarrier(int cmd, unsigned int flags, int cpu)
{
	return syscall(SYS_membarrier, cmd, flags, cpu);
}

/* Returns whether the other thread was thrown out of its section. */
static bool throw_out(unsigned int flags)
{
	pthread_t thread;

	inside = stop = aborted = 0;
	thread = start(stays, NULL);
	while (!inside)
		sched_yield();
	for (int cpu = 0; cpu < (flags ? CPU_SETSIZE : 1); cpu++)
		if (membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, flags, cpu) != 0)
			say("membarrier: %s", error_name(errno));
	for (int i = 0; i < 5000 && !aborted; i++)
		sleep_ms(1);
	stop = 1;
	join(thread);
	return aborted == 1;
}

static void barriers(void)
{
	RESULT(membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, 0, 0));
	RESULT(membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, MEMBARRIER_CMD_FLAG_CPU, 0));
	RESULT(membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, 2, 0));
	RESULT(membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ, 1, 0));
	RESULT(membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ, 0, 0));
	RESULT(membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0));
	RESULT(membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED, MEMBARRIER_CMD_FLAG_CPU, 0));
	RESULT(membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, MEMBARRIER_CMD_FLAG_CPU, -1));
	RESULT(membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, MEMBARRIER_CMD_FLAG_CPU, 1 << 30));
	TRUTH(throw_out(0));
	TRUTH(throw_out(MEMBARRIER_CMD_FLAG_CPU));
}

/* ---- ptrace(2) ---- */

static void say_configuration(pid_t pid, size_t size)
{
	struct ptrace_rseq_configuration conf = {.flags = 0x77, .pad = 0x77};
	long ret = trace(PTRACE_GET_RSEQ_CONFIGURATION, pid, size, (unsigned long)&conf);

	say("%ld: %s, %u, %#x, %#x, %#x", ret,
	    conf.rseq_abi_pointer == (uint64_t)&area ? "the area"
	    : conf.rseq_abi_pointer                  ? "another"
						     : "none",
	    conf.rseq_abi_size, conf.signature, conf.flags, conf.pad);
}

static void registers(void)
{
	rseq(&area, 64, 0, 0x1234567);
	raise(SIGSTOP);
	rseq(&area, 64, RSEQ_FLAG_UNREGISTER, 0x1234567);
	raise(SIGSTOP);
}

static void seen_by_tracer(void)
{
	pid_t pid = start_traced(registers);

	for (int i = 0; i < 3; i++) {
		say_configuration(pid, sizeof(struct ptrace_rseq_configuration));
		say_configuration(pid, 8);
		say_configuration(pid, 100);
		RESULT(trace(PTRACE_GET_RSEQ_CONFIGURATION, pid, 24, 8));
		trace(PTRACE_CONT, pid, 0, 0);
		see("it", pid);
	}
}

int main(int argc, char **argv)
{
	own_path = argv[0];
	if (argc > 1) {
		after_exec();
		return 0;
	}
	TRUTH(drop_own());
	CASE(errors);
	CASE(registered);
	CASE(cannot_be_written);
	CASE(read_only);
	CASE(each_cpu);
	CASE(inherited);
	CASE(by_signal);
	CASE(flags_of_area);
	sections();
	CASE(section_unmapped);
	CASE(section_in_kernel);
	CASE(section_at_the_end);
	CASE(section_unaligned);
	CASE(with_handler);
	CASE(with_handler_that_returns);
	CASE(count_on_one_cpu);
	CASE(count_by_cpu);
	CASE(count_by_mm_cid);
	CASE(barriers);
	CASE(seen_by_tracer);
	stay_on_one_cpu();
	in_disturbed_child("preempted_in_bad_section", preempted_in_bad_section);
	return 0;
}
