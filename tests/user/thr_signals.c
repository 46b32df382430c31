/* Signals in a process of several threads: who gets which, with which stack, and what ends them
 * all. */
#include "threads.h"

#include <setjmp.h>
#include <sys/time.h>

static __thread int received;
static __thread siginfo_t info;
static struct gate ready, release;

static void counts(int sig, siginfo_t *si, void *context)
{
	(void)sig;
	(void)context;
	received++;
	info = *si;
}
static void handle(int sig, int flags)
{
	struct sigaction action = {.sa_sigaction = counts, .sa_flags = SA_SIGINFO | flags};

	sigaction(sig, &action, NULL);
}

static void block(int how, int sig)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	pthread_sigmask(how, &set, NULL);
}

static bool is_pending(int sig)
{
	sigset_t set;

	sigpending(&set);
	return sigismember(&set, sig);
}

/* What was sent before is handled on the way out of the gate's read at the latest. */
static void *says_received(void *arg)
{
	gate_open(&ready);
	gate_wait(&release);
	return (void *)(received * 10 + (long)arg);
}

static void prepare(void)
{
	ready = gate_make();
	release = gate_make();
}

static void to_the_right_thread(void)
{
	pthread_t thread[4];

	prepare();
	handle(SIGUSR1, SA_RESTART);
	for (long i = 0; i < 4; i++)
		thread[i] = start(says_received, (void *)i);
	for (int i = 0; i < 4; i++)
		gate_wait(&ready);
	for (int i = 0; i < 2; i++)
		ERROR(pthread_kill(thread[1 + i], SIGUSR1));
	ERROR(pthread_kill(thread[0], 0));
	ERROR(pthread_kill(thread[0], 99));
	ERROR(pthread_kill(pthread_self(), SIGUSR1));
	for (int i = 0; i < 4; i++)
		gate_open(&release);
	for (int i = 0; i < 4; i++)
		say("thread %d: %ld", i, join(thread[i]));
	say("main: %d, code %d", received, info.si_code == SI_TKILL);
}

static void *unblocks(void *arg)
{
	block(SIG_UNBLOCK, SIGUSR1);
	return says_received(arg);
}
/* A signal for the process goes to the one thread that lets it in. */
static void to_the_one_unblocked(void)
{
	pthread_t thread[3];

	prepare();
	handle(SIGUSR1, SA_RESTART);
	block(SIG_BLOCK, SIGUSR1);
	for (long i = 0; i < 3; i++)
		thread[i] = start(i == 1 ? unblocks : says_received, NULL);
	for (int i = 0; i < 3; i++)
		gate_wait(&ready);
	kill(getpid(), SIGUSR1);
	for (int i = 0; i < 3; i++)
		gate_open(&release);
	for (int i = 0; i < 3; i++)
		say("thread %d: %ld", i, join(thread[i]));
	say("main: %d", received);
}

static void *takes_pending(void *arg)
{
	TRUTH(is_pending(SIGUSR1));
	TRUTH(!is_pending(SIGUSR2));
	block(SIG_UNBLOCK, SIGUSR1);
	block(SIG_UNBLOCK, SIGUSR2);
	return (void *)(received + (long)arg);
}
/* What is pending for the process any thread may take; what is for one thread, only that one. */
static void pending_for_whom(void)
{
	handle(SIGUSR1, 0);
	handle(SIGUSR2, 0);
	block(SIG_BLOCK, SIGUSR1);
	block(SIG_BLOCK, SIGUSR2);
	kill(getpid(), SIGUSR1);
	pthread_kill(pthread_self(), SIGUSR2);
	say("taken by the thread: %ld", join(start(takes_pending, NULL)));
	TRUTH(!is_pending(SIGUSR1));
	TRUTH(is_pending(SIGUSR2));
	block(SIG_UNBLOCK, SIGUSR2);
	say("main: %d", received);
}

/* The mask is inherited, what is pending is not. */
static void *looks_at_mask(void *arg)
{
	sigset_t set;

	pthread_sigmask(SIG_BLOCK, NULL, &set);
	TRUTH(sigismember(&set, SIGUSR1));
	TRUTH(!sigismember(&set, SIGUSR2));
	TRUTH(!is_pending(SIGUSR1));
	block(SIG_BLOCK, SIGUSR2);
	return arg;
}
static void inherited_mask(void)
{
	sigset_t set;

	block(SIG_BLOCK, SIGUSR1);
	pthread_kill(pthread_self(), SIGUSR1);
	join(start(looks_at_mask, NULL));
	pthread_sigmask(SIG_BLOCK, NULL, &set);
	TRUTH(!sigismember(&set, SIGUSR2));
	TRUTH(is_pending(SIGUSR1));
}

static void *sigwaits(void *arg)
{
	sigset_t set;
	int sig = 0;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGTERM);
	for (int i = 0; i < 3; i++) {
		say_error("sigwait", sigwait(&set, &sig));
		say("got %s", signal_name(sig));
		gate_open(&ready);
	}
	return arg;
}
static void a_thread_for_signals(void)
{
	pthread_t thread;

	prepare();
	block(SIG_BLOCK, SIGUSR1);
	block(SIG_BLOCK, SIGTERM);
	thread = start(sigwaits, NULL);
	kill(getpid(), SIGUSR1);
	gate_wait(&ready);
	pthread_kill(thread, SIGTERM);
	gate_wait(&ready);
	kill(getpid(), SIGTERM);
	gate_wait(&ready);
	join(thread);
}

static void *waits_for_values(void *arg)
{
	siginfo_t si;
	sigset_t set;
	long sum = 0;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 1);
	for (int i = 0; i < 10; i++) {
		if (sigwaitinfo(&set, &si) != SIGRTMIN + 1 || si.si_code != SI_QUEUE)
			return (void *)-2;
		sum = sum * 3 + si.si_value.sival_int;
	}
	return (void *)(sum + (long)arg);
}
/* Real-time signals queue, in order. */
static void queued_values(void)
{
	pthread_t thread;

	block(SIG_BLOCK, SIGRTMIN + 1);
	for (int i = 0; i < 5; i++)
		sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = i});
	thread = start(waits_for_values, NULL);
	for (int i = 5; i < 10; i++)
		sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = i});
	say_join("thread", thread);
}

static __thread char *stack;
static void where(int sig)
{
	char here;

	(void)sig;
	received = &here >= stack && &here < stack + 65536 ? 7 : 8;
}
static void *on_its_stack(void *arg)
{
	stack_t old, mine = {.ss_sp = stack = malloc(65536), .ss_size = 65536};

	sigaltstack(NULL, &old);
	TRUTH(old.ss_flags == SS_DISABLE);
	if (arg)
		sigaltstack(&mine, NULL);
	pthread_kill(pthread_self(), SIGUSR1);
	return (void *)(long)received;
}
/* Each thread has an alternate stack of its own, at first none. */
static void alternate_stacks(void)
{
	struct sigaction action = {.sa_handler = where, .sa_flags = SA_ONSTACK};
	stack_t mine = {.ss_sp = stack = malloc(65536), .ss_size = 65536};

	sigaction(SIGUSR1, &action, NULL);
	sigaltstack(&mine, NULL);
	say_join("with", start(on_its_stack, &mine));
	say_join("without", start(on_its_stack, NULL));
	raise(SIGUSR1);
	say("main: %d", received);
}

static int woken;
static void *is_interrupted(void *arg)
{
	struct timespec long_time = {.tv_sec = 1000};

	gate_open(&ready);
	if (!arg) {
		gate_wait(&release);
		return (void *)(long)received;
	}
	WHETHER(nanosleep(&long_time, NULL));
	__atomic_store_n(&woken, 1, __ATOMIC_SEQ_CST);
	return (void *)(long)(received > 0);
}
/* EINTR in the thread that was meant; the others sleep on. */
static void interrupts_one(void)
{
	pthread_t sleeper, reader;

	prepare();
	handle(SIGUSR1, 0);
	reader = start(is_interrupted, NULL);
	sleeper = start(is_interrupted, "sleep");
	gate_wait(&ready);
	gate_wait(&ready);
	while (!__atomic_load_n(&woken, __ATOMIC_SEQ_CST)) {
		pthread_kill(sleeper, SIGUSR1);
		sleep_ms(5);
	}
	say_join("sleeper", sleeper);
	gate_open(&release);
	say_join("reader", reader);
}

static __thread sigjmp_buf back;
static void jumps(int sig, siginfo_t *si, void *context)
{
	(void)sig;
	(void)context;
	siglongjmp(back, (int)(long)si->si_addr);
}
static void *faults(void *arg)
{
	int where = 0;

	for (int i = 0; i < 50; i++) {
		where = sigsetjmp(back, 1);
		if (where == 0)
			*(volatile char *)arg = 1;
	}
	return (void *)(long)where;
}
static void faults_at_once(void)
{
	struct sigaction action = {.sa_sigaction = jumps, .sa_flags = SA_SIGINFO};
	pthread_t thread[4];

	sigaction(SIGSEGV, &action, NULL);
	for (long i = 0; i < 4; i++)
		thread[i] = start(faults, (void *)(16 + i));
	for (int i = 0; i < 4; i++)
		say_join("fault", thread[i]);
}

static void *writes_to_nobody(void *arg)
{
	int fd[2];

	(void)!pipe(fd);
	close(fd[0]);
	WHETHER(write(fd[1], "x", 1));
	return (void *)(received + (long)arg);
}
static void sigpipe_is_for_the_writer(void)
{
	handle(SIGPIPE, 0);
	say_join("writer", start(writes_to_nobody, NULL));
	say("main: %d", received);
}

static void *exits_at_once(void *arg)
{
	*(pid_t *)arg = own_tid();
	return NULL;
}
static void by_number(void)
{
	pid_t pid = getpid(), gone;

	join(start(exits_at_once, &gone));
	while (syscall(SYS_tgkill, pid, gone, 0) == 0)
		sleep_ms(1); /* it says that it is done a little before it is gone */
	RESULT(syscall(SYS_tgkill, pid, gone, 0));
	RESULT(syscall(SYS_tkill, gone, 0));
	RESULT(syscall(SYS_tgkill, pid, pid, 0));
	RESULT(syscall(SYS_tgkill, 1, pid, 0));
	RESULT(syscall(SYS_tgkill, pid, 0, 0));
	RESULT(syscall(SYS_tgkill, -1, pid, 0));
	RESULT(syscall(SYS_tkill, -1, 0));
	RESULT(syscall(SYS_tkill, pid, 65));
}

/* kill() knows processes by the number of any of their threads; waitpid() does not. */
static void *is_sent_to(void *arg)
{
	*(pid_t *)arg = own_tid();
	gate_open(&ready);
	gate_wait(&release);
	return (void *)(long)received;
}
static void kill_by_thread_number(void)
{
	pid_t tid;
	pthread_t thread;

	prepare();
	handle(SIGUSR1, SA_RESTART);
	block(SIG_BLOCK, SIGUSR1);
	thread = start(is_sent_to, &tid);
	gate_wait(&ready);
	RESULT(kill(tid, SIGUSR1));
	TRUTH(is_pending(SIGUSR1));
	RESULT(waitpid(tid, NULL, 0));
	gate_open(&release);
	say_join("thread", thread);
	block(SIG_UNBLOCK, SIGUSR1);
	say("main: %d", received);
}

static long spun[2];
static void with_company(void)
{
	start(sleeps_on, NULL);
	start(spins_on, &spun[0]);
	start(spins_on, &spun[1]);
}

static void killed_by_sigkill(void)
{
	with_company();
	kill(getpid(), SIGKILL);
	for (;;)
		pause();
}
static void killed_through_a_thread(void)
{
	with_company();
	pthread_kill(start(sleeps_on, NULL), SIGTERM);
	for (;;)
		pause();
}
static void *aborts(void *arg)
{
	abort();
	return arg;
}
static void aborted_by_a_thread(void)
{
	with_company();
	start(aborts, NULL);
	for (;;)
		pause();
}

/* A stop stops all threads; their parent sees one stop and one continuation. */
static void stop_and_continue(void)
{
	volatile long *n = map_shared(4096);
	long seen;
	int status;
	pid_t pid = must_fork();

	if (pid == 0) {
		for (int i = 0; i < 3; i++)
			start(spins_on, (void *)&n[i]);
		start(sleeps_on, NULL);
		for (;;)
			pause();
	}
	while (!n[0] || !n[1] || !n[2])
		sleep_ms(1);
	kill(pid, SIGSTOP);
	TRUTH(waitpid(pid, &status, WUNTRACED) == pid);
	say_status("stopped", status);
	seen = n[0] + n[1] + n[2];
	sleep_ms(30);
	TRUTH(n[0] + n[1] + n[2] == seen);
	RESULT(waitpid(pid, &status, WUNTRACED | WNOHANG));
	kill(pid, SIGCONT);
	TRUTH(waitpid(pid, &status, WCONTINUED) == pid);
	say_status("continued", status);
	while (n[0] + n[1] + n[2] == seen)
		sleep_ms(1);
	RESULT(waitpid(pid, &status, WUNTRACED | WCONTINUED | WNOHANG));
	kill(pid, SIGSTOP);
	waitpid(pid, &status, WUNTRACED);
	kill(pid, SIGKILL);
	reap("killed while stopped", pid);
}

static void *waits_for_alarm(void *arg)
{
	block(SIG_UNBLOCK, SIGALRM);
	while (received < 3)
		pause();
	return arg;
}
static void alarm_for_the_unblocked(void)
{
	struct itimerval every = {{0, 5000}, {0, 5000}};
	pthread_t thread;

	handle(SIGALRM, SA_RESTART);
	block(SIG_BLOCK, SIGALRM);
	thread = start(waits_for_alarm, NULL);
	setitimer(ITIMER_REAL, &every, NULL);
	say_join("thread", thread);
	say("main: %d", received);
}

static void *storms(void *arg)
{
	for (int i = 0; i < 200; i++)
		pthread_kill(*(pthread_t *)arg, SIGRTMIN + 2);
	return NULL;
}
/* Each of them is handled, once, whatever the receiver does. */
static void storm(void)
{
	pthread_t self = pthread_self(), thread[3];

	handle(SIGRTMIN + 2, SA_RESTART);
	for (int i = 0; i < 3; i++)
		thread[i] = start(storms, &self);
	for (int i = 0; i < 3; i++)
		join(thread[i]);
	while (received < 600)
		sleep_ms(1);
	say("received %d", received);
}

static int handled, turn; /* __atomic: how often; whose turn it is */
static void counts_all(int sig)
{
	(void)sig;
	__atomic_add_fetch(&handled, 1, __ATOMIC_SEQ_CST);
}

static void await(const int *counter, int n)
{
	while (__atomic_load_n(counter, __ATOMIC_SEQ_CST) < n)
		sched_yield();
}

#define ROUNDS 300
static void *sends_meanwhile(void *arg)
{
	for (int i = 0; i < ROUNDS; i++) {
		block(*(int *)arg, SIGUSR2);
		await(&turn, 2 * i + 1);
		__atomic_store_n(&turn, 2 * i + 2, __ATOMIC_SEQ_CST);
		kill(getpid(), SIGUSR2);
		await(&handled, i + 1);
	}
	return NULL;
}

/* A signal comes while the first to be asked changes its mask: whoever may handle it then does. */
static void race_for_the_mask(int change, int other)
{
	pthread_t thread;

	handled = turn = 0;
	signal(SIGUSR2, counts_all);
	thread = start(sends_meanwhile, &other);
	for (int i = 0; i < ROUNDS; i++) {
		block(other, SIGUSR2);
		__atomic_store_n(&turn, 2 * i + 1, __ATOMIC_SEQ_CST);
		await(&turn, 2 * i + 2);
		block(change, SIGUSR2);
		await(&handled, i + 1);
	}
	join(thread);
	say("handled %d", handled);
}
static void masks_that_change(void)
{
	race_for_the_mask(SIG_UNBLOCK, SIG_BLOCK);
	race_for_the_mask(SIG_BLOCK, SIG_UNBLOCK);
}

int main(void)
{
	CASE(to_the_right_thread);
	CASE(to_the_one_unblocked);
	CASE(pending_for_whom);
	CASE(inherited_mask);
	CASE(a_thread_for_signals);
	CASE(queued_values);
	CASE(alternate_stacks);
	CASE(interrupts_one);
	CASE(faults_at_once);
	CASE(sigpipe_is_for_the_writer);
	CASE(by_number);
	CASE(kill_by_thread_number);
	CASE(killed_by_sigkill);
	CASE(killed_through_a_thread);
	CASE(aborted_by_a_thread);
	CASE(stop_and_continue);
	CASE(alarm_for_the_unblocked);
	CASE(storm);
	CASE(masks_that_change);
	return 0;
}
