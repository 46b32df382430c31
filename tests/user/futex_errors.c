/* What the C library's threads rely on being told: errors of futex(2), get_robust_list(2),
 * tgkill(2), and which of two comes first. */
#include "check.h"

#include <linux/futex.h>
#include <pthread.h>

static long futex(const void *word, int op, uint32_t val, const void *timeout, const void *word2,
		  uint32_t val3)
{
	return syscall(SYS_futex, word, op, val, timeout, word2, val3);
}

static uint32_t word[4];

static void times(void)
{
	struct timespec bad = {.tv_nsec = 1000000000}, negative = {.tv_sec = -1};
	struct timespec below_zero = {.tv_nsec = -1}, never = {.tv_sec = INT64_MAX}, now = {0};
	const void *crooked = (char *)word + 2;

	RESULT(futex(word, FUTEX_WAIT, 0, &bad, NULL, 0));
	RESULT(futex(word, FUTEX_WAIT, 1, &bad, NULL, 0));
	RESULT(futex(crooked, FUTEX_WAIT, 0, &bad, NULL, 0));
	RESULT(futex(crooked, FUTEX_WAIT, 0, (void *)16, NULL, 0));
	RESULT(futex(word, FUTEX_WAIT, 0, &negative, NULL, 0));
	RESULT(futex(word, FUTEX_WAIT, 0, &below_zero, NULL, 0));
	RESULT(futex(word, FUTEX_WAIT, 1, &never, NULL, 0));
	RESULT(futex(word, FUTEX_WAIT, 0, &now, NULL, 0));
	RESULT(futex(word, FUTEX_WAIT, 1, &now, NULL, 0));
	RESULT(futex(word, FUTEX_WAIT_BITSET, 0, &now, NULL, 0));
	RESULT(futex(word, FUTEX_WAIT_BITSET, 0, &bad, NULL, 0));
	RESULT(futex(word, FUTEX_WAIT_BITSET, 0, &now, NULL, ~0u));
	RESULT(futex(word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, &now, NULL, ~0u));
	RESULT(futex(word, FUTEX_WAIT | FUTEX_CLOCK_REALTIME, 0, &now, NULL, 0));
	RESULT(futex(word, FUTEX_WAIT | FUTEX_CLOCK_REALTIME, 0, &bad, NULL, 0));
	RESULT(futex(word, FUTEX_WAKE, 1, &bad, NULL, 0));
	RESULT(futex(word, FUTEX_FD, 1, &bad, NULL, 0));
	RESULT(futex(word, 14, 1, NULL, NULL, 0));
	RESULT(futex(word, -1, 1, NULL, NULL, 0));
}

static void addresses(void)
{
	char *pages = mmap(NULL, 3 * 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *shared = mmap(NULL, 4096, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	const void *crooked = (char *)word + 1, *low = (void *)64, *high = (void *)-64L;
	struct timespec now = {0};

	mprotect(pages + 4096, 4096, PROT_NONE);
	munmap(pages + 8192, 4096);
	for (int flag = 0; flag <= FUTEX_PRIVATE_FLAG; flag += FUTEX_PRIVATE_FLAG) {
		say(flag ? "private" : "not private");
		RESULT(futex(pages, FUTEX_WAIT | flag, 0, &now, NULL, 0));
		RESULT(futex(pages, FUTEX_WAIT | flag, 1, &now, NULL, 0));
		RESULT(futex(pages + 4096, FUTEX_WAIT | flag, 0, &now, NULL, 0));
		RESULT(futex(pages + 8192, FUTEX_WAIT | flag, 0, &now, NULL, 0));
		RESULT(futex(shared, FUTEX_WAIT | flag, 0, &now, NULL, 0));
		RESULT(futex(shared, FUTEX_WAKE | flag, 1, NULL, NULL, 0));
		RESULT(futex(pages, FUTEX_WAKE | flag, 1, NULL, NULL, 0));
		RESULT(futex(crooked, FUTEX_WAKE | flag, 1, NULL, NULL, 0));
		RESULT(futex(high, FUTEX_WAKE | flag, 1, NULL, NULL, 0));
		RESULT(futex(high, FUTEX_WAIT | flag, 0, &now, NULL, 0));
		RESULT(futex(word, FUTEX_REQUEUE | flag, 1, NULL, crooked, 0));
		RESULT(futex(crooked, FUTEX_REQUEUE | flag, 1, NULL, word, 0));
		RESULT(futex(word, FUTEX_CMP_REQUEUE | flag, 1, NULL, crooked, 1));
		RESULT(futex(low, FUTEX_CMP_REQUEUE | flag, 1, NULL, word, 1));
		RESULT(futex(word, FUTEX_WAKE_OP | flag, 1, NULL, crooked, 0));
		RESULT(futex(crooked, FUTEX_WAKE_OP | flag, 1, NULL, word, 0));
		RESULT(futex(word, FUTEX_WAKE_OP | flag, 1, NULL, low, 0));
		RESULT(futex(word, FUTEX_WAKE_OP | flag, 1, NULL, pages, 0));
	}
}

static void signals(void)
{
	pid_t me = getpid(), child;
	long tid = syscall(SYS_gettid);

	RESULT(syscall(SYS_tkill, 0, SIGUSR1));
	RESULT(syscall(SYS_tkill, -1, SIGUSR1));
	RESULT(syscall(SYS_tkill, 999999, SIGUSR1));
	RESULT(syscall(SYS_tkill, tid, 0));
	RESULT(syscall(SYS_tkill, tid, 65));
	RESULT(syscall(SYS_tkill, tid, -1));
	RESULT(syscall(SYS_tkill, 999999, 65));
	RESULT(kill(999999, 65));
	RESULT(kill(-999999, 65));
	RESULT(kill(me, 65));
	RESULT(kill(0, -1));
	RESULT(syscall(SYS_tgkill, 0, tid, 0));
	RESULT(syscall(SYS_tgkill, -1, tid, 0));
	RESULT(syscall(SYS_tgkill, me, 0, 0));
	RESULT(syscall(SYS_tgkill, me, 999999, 0));
	RESULT(syscall(SYS_tgkill, me, tid, 0));
	RESULT(syscall(SYS_tgkill, me, tid, 65));
	RESULT(syscall(SYS_tgkill, 999999, tid, 0));
	child = must_fork();
	if (child == 0)
		_exit(0);
	siginfo_t info;
	waitid(P_PID, child, &info, WEXITED | WNOWAIT);
	RESULT(syscall(SYS_tkill, child, SIGTERM)); /* a zombie */
	RESULT(syscall(SYS_tgkill, child, child, SIGTERM));
	RESULT(syscall(SYS_tgkill, me, child, 0));
	reap("child", child);
}

static void ask_for_list(const char *what, pid_t pid)
{
	void *head = NULL;
	size_t len = 0;
	long ret = syscall(SYS_get_robust_list, pid, &head, &len);

	say("%s: %s, length %zu", what, ret ? error_name(errno) : "ok", len);
}

static pid_t other;

static void as_user(void)
{
	void *head;
	size_t len;

	ask_for_list("own", 0);
	ask_for_list("child's", other);
	if (setuid(1000))
		_exit(1);
	ask_for_list("own, as user", 0);
	ask_for_list("root's, as user", other);
	ask_for_list("nobody's", 999999);
	RESULT(syscall(SYS_get_robust_list, -1, &head, &len));
	RESULT(syscall(SYS_get_robust_list, 0, (void *)16, &len));
	RESULT(syscall(SYS_get_robust_list, 0, &head, (void *)16));
	RESULT(syscall(SYS_get_robust_list, 999999, (void *)16, &len));
	RESULT(syscall(SYS_set_robust_list, NULL, 0));
	RESULT(syscall(SYS_set_robust_list, (void *)16, 24));
}

int main(void)
{
	times();
	addresses();
	signals();
	other = must_fork();
	if (other == 0)
		for (;;)
			pause();
	in_child("robust lists", as_user);
	kill(other, SIGKILL);
	reap("other", other);
	return 0;
}
