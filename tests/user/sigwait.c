/* Taking signals without a handler, and sending them with a value. */
#include "check.h"

#include <pthread.h>

static volatile int handled;

static void on_signal(int sig)
{
	(void)sig;
	handled++;
}

static void say_info(const char *what, int sig, const siginfo_t *info)
{
	if (sig < 0)
		say("%s: %s", what, error_name(errno));
	else
		say("%s: %s, code %d, value %d, from us: %d", what, signal_name(sig), info->si_code,
		    info->si_value.sival_int, info->si_pid == getpid());
}

static int timed(const sigset_t *set, siginfo_t *info, long ms)
{
	struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	memset(info, 0, sizeof(*info));
	return sigtimedwait(set, info, &ts);
}

static sigset_t block(int a, int b, int c)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, a);
	sigaddset(&set, b);
	sigaddset(&set, c);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return set;
}

static void queued_values(void)
{
	sigset_t set = block(SIGRTMIN, SIGRTMIN + 1, SIGUSR1);
	siginfo_t info;
	int sig;

	for (int i = 3; i > 0; i--) {
		sigqueue(getpid(), SIGRTMIN + i % 2, (union sigval){.sival_int = i});
		sigqueue(getpid(), SIGUSR1, (union sigval){.sival_int = 10 + i});
	}
	for (int i = 0; i < 5; i++) {
		sig = timed(&set, &info, 0);
		if (sig >= SIGRTMIN)
			say("real-time %d, value %d", sig - SIGRTMIN, info.si_value.sival_int);
		else
			say_info("took", sig, &info);
	}
	kill(getpid(), SIGUSR1);
	memset(&info, 0, sizeof(info));
	sig = sigwaitinfo(&set, &info);
	say("%s, code %d", signal_name(sig), info.si_code);
	sig = timed(&set, &info, 20);
	say_info("nothing more", sig, &info);
}

static void errors(void)
{
	sigset_t set = block(SIGUSR1, SIGUSR2, SIGTERM);
	struct timespec bad = {.tv_nsec = -1};
	siginfo_t info = {.si_code = SI_QUEUE}, forged = {.si_code = SI_USER};

	RESULT(sigtimedwait(&set, NULL, &bad));
	RESULT(syscall(SYS_rt_sigtimedwait, &set, NULL, NULL, 4));
	RESULT(syscall(SYS_rt_sigtimedwait, (void *)8, NULL, NULL, 8));
	RESULT(syscall(SYS_rt_sigqueueinfo, getpid(), 65, &info));
	RESULT(syscall(SYS_rt_sigqueueinfo, getpid(), 0, &info));
	RESULT(syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, (void *)8));
	RESULT(syscall(SYS_rt_sigqueueinfo, getppid(), 0, &forged));
	RESULT(syscall(SYS_rt_sigqueueinfo, 999999, SIGUSR1, &info));
	RESULT(syscall(SYS_rt_tgsigqueueinfo, getpid(), 999999, SIGUSR1, &info));
	RESULT(syscall(SYS_rt_tgsigqueueinfo, 0, 1, SIGUSR1, &info));
	RESULT(syscall(SYS_rt_tgsigqueueinfo, getpid(), getpid(), SIGUSR2, &info));
	RESULT(sigtimedwait(&set, &info, &(struct timespec){0}));
}

/* A signal whose default is death, and one whose default is nothing, both while we sleep. */
static void while_asleep(void)
{
	sigset_t set = block(SIGTERM, SIGURG, SIGCHLD);
	siginfo_t info;
	pid_t parent = getpid(), pid = must_fork();

	if (pid == 0) {
		sleep_ms(20);
		kill(parent, SIGTERM);
		sleep_ms(20);
		kill(parent, SIGURG);
		sleep_ms(20);
		_exit(7);
	}
	for (int i = 0; i < 3; i++) {
		int sig = timed(&set, &info, 5000);
		say("%s, code %d, from the child: %d", signal_name(sig), info.si_code,
		    info.si_pid == pid);
	}
	reap("child", pid);
}

static void interrupted(void)
{
	sigset_t set = block(SIGUSR1, SIGRTMIN, SIGRTMIN + 1);
	struct sigaction act = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
	pid_t parent = getpid(), pid;
	siginfo_t info;

	sigaction(SIGUSR2, &act, NULL);
	pid = must_fork();
	if (pid == 0) {
		sleep_ms(20);
		kill(parent, SIGUSR2);
		_exit(0);
	}
	struct timespec ts = {.tv_sec = 5};
	/* Not the C library's: musl's goes on after EINTR. */
	say_result("interrupted", syscall(SYS_rt_sigtimedwait, &set, &info, &ts, 8));
	say("handled %d", handled);
	reap("child", pid);
}

static siginfo_t handled_info;

static void on_info(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	memcpy(&handled_info, info, sizeof(*info));
}

/* Which bytes of what came are those that were sent, which are 0. */
static void say_bytes(const char *how, const siginfo_t *got, const siginfo_t *sent)
{
	const unsigned char *g = (const void *)got, *s = (const void *)sent;
	size_t same = 0, zero = sizeof(*got);

	while (same < sizeof(*got) && g[same] == s[same])
		same++;
	while (zero && !g[zero - 1])
		zero--;
	say("  %s: code %d, the first %zu as sent, 0 from %zu", how, got->si_code, same, zero);
}

/* A siginfo_t has more room than any signal needs: what of it arrives? */
static void send_bytes(int code, size_t filled)
{
	sigset_t set = block(SIGUSR1, SIGUSR1, SIGUSR1);
	siginfo_t sent, got;

	memset(&sent, 0, sizeof(sent));
	memset(&sent, 0x5a, filled);
	sent.si_signo = SIGUSR1;
	sent.si_code = code;
	say("code %d, %zu bytes", code, filled);
	for (int handled = 0; handled < 2; handled++) {
		if (syscall(SYS_rt_tgsigqueueinfo, getpid(), getpid(), SIGUSR1, &sent) < 0) {
			say("  %s", error_name(errno));
			continue;
		}
		memset(&got, 0x77, sizeof(got));
		if (handled)
			sigprocmask(SIG_UNBLOCK, &set, NULL);
		else
			syscall(SYS_rt_sigtimedwait, &set, &got, NULL, 8);
		say_bytes(handled ? "handled" : "waited for", handled ? &handled_info : &got,
			  &sent);
	}
}

static void all_bytes(void)
{
	struct sigaction act = {.sa_sigaction = on_info, .sa_flags = SA_SIGINFO};
	static const int codes[] = {SI_USER, SI_KERNEL, 1, SI_QUEUE, SI_TKILL, -7, -60, -8, -100};

	sigaction(SIGUSR1, &act, NULL);
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		send_bytes(codes[i], 48);
		send_bytes(codes[i], 49);
		send_bytes(codes[i], 128);
	}
}

static void *waiter(void *arg)
{
	sigset_t set = *(sigset_t *)arg;
	int sig;

	sigwait(&set, &sig);
	return (void *)(long)sig;
}

static void threads(void)
{
	sigset_t set = block(SIGUSR1, SIGUSR2, SIGHUP), mine;
	pthread_t thread[2];
	void *result;

	pthread_create(&thread[0], NULL, waiter, &set);
	sleep_ms(20);
	kill(getpid(), SIGHUP); /* blocked here too: the waiting thread takes it */
	pthread_join(thread[0], &result);
	say("the thread took %s", signal_name((int)(long)result));
	sigemptyset(&mine);
	sigaddset(&mine, SIGUSR2);
	pthread_create(&thread[0], NULL, waiter, &mine);
	pthread_create(&thread[1], NULL, waiter, &mine);
	pthread_kill(thread[1], SIGUSR2);
	pthread_join(thread[1], &result);
	say("the second took %s", signal_name((int)(long)result));
	pthread_kill(thread[0], SIGUSR2);
	pthread_join(thread[0], &result);
	say("the first took %s", signal_name((int)(long)result));
}

int main(void)
{
	in_child("queued values", queued_values);
	in_child("errors", errors);
	in_child("all bytes", all_bytes);
	in_child("while asleep", while_asleep);
	in_child("interrupted", interrupted);
	in_child("threads", threads);
	return 0;
}
