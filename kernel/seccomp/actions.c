/* The actions by name: which exist, and which are logged. Linux: userspace-api/seccomp_filter.rst.
 */
#include "kernel/seccomp/seccomp.h"

#include "kernel/lib/string.h"
#include "kernel/trace/trace.h"

static const struct action {
	const char *name;
	u32 value;
	bool always; /* logged whether or not its filter asks for it */
} actions[] = {
	{"kill_process", SECCOMP_RET_KILL_PROCESS, true},
	{"kill_thread", SECCOMP_RET_KILL_THREAD, true},
	{"trap", SECCOMP_RET_TRAP, false},
	{"errno", SECCOMP_RET_ERRNO, false},
	{"user_notif", SECCOMP_RET_USER_NOTIF, false},
	{"trace", SECCOMP_RET_TRACE, false},
	{"log", SECCOMP_RET_LOG, true},
	{"allow", SECCOMP_RET_ALLOW, false}, /* the last one: it is never logged */
};
#define ALLOW (ARRAY_SIZE(actions) - 1)

/* kernel.seccomp.actions_logged: bit i for actions[i]. A word. */
static u32 logged = (1U << ALLOW) - 1;

bool seccomp_action_exists(u32 value)
{
	for (u32 i = 0; i < ARRAY_SIZE(actions); i++)
		if (actions[i].value == value)
			return true;
	return false;
}

void seccomp_action_names(bool only_logged, char *buf, size_t n)
{
	u32 which = only_logged ? READ_ONCE(logged) : ~0U;
	size_t at = 0;

	buf[0] = '\0';
	for (u32 i = 0; i < ARRAY_SIZE(actions); i++)
		if (which >> i & 1)
			at += (size_t)scnprintf(buf + at, n - at, at ? " %s" : "%s",
						actions[i].name);
}

/* The bit of the action with this name, or 0: none, or one that cannot be logged. */
static u32 bit_of(const char *name)
{
	for (u32 i = 0; i < ALLOW; i++)
		if (strcmp(actions[i].name, name) == 0)
			return 1U << i;
	return 0;
}

int seccomp_set_logged(char *names)
{
	u32 bits = 0;

	for (char *next = names; next && *next;) {
		char *name = next;
		u32 bit;

		next = strchr(name, ' ');
		if (next)
			*next++ = '\0';
		bit = bit_of(name);
		if (!bit)
			return -EINVAL;
		bits |= bit;
	}
	WRITE_ONCE(logged, bits);
	return 0;
}

void seccomp_log(int nr, u32 value, bool wanted)
{
	for (u32 i = 0; i < ALLOW; i++)
		if (actions[i].value == value && (READ_ONCE(logged) >> i & 1) &&
		    (wanted || actions[i].always))
			trace_seccomp(current, nr, actions[i].name);
}
