/* The users and groups that a task acts for. credentials(7). */
#pragma once

#include "kernel/lib/atomic.h"
#include "kernel/lib/scope.h"
#include "kernel/lib/types.h"

/* Per real user id: its use of each limited resource. */
struct user {
	refcount_t count;
	uid_t uid;
	atomic_t processes;    /* RLIMIT_NPROC */
	atomic_t sigpending;   /* RLIMIT_SIGPENDING */
	atomic_t in_flight;    /* files in messages not read yet: unix(7), ETOOMANYREFS */
	atomic_t watches;      /* items of epoll sets: fs.epoll.max_user_watches */
	atomic_t file_watches; /* inotify(7): fs.inotify.max_user_watches */
	atomic_t notifiers;    /* its descriptors: fs.inotify.max_user_instances */
	atomic_t notices;      /* its unread inotify events, in units of 64 bytes */
	atomic_t file_locks;   /* fcntl(2), flock(2) */
	atomic_t pipe_pages;   /* what its pipes may hold: fs.pipe-user-pages-* */
	atomic_t filters;      /* of system calls, in units of 64 bytes: seccomp(2) */
	atomic_t events;       /* perf_event_open(2), inherited ones among them */
	atomic_t proc_text;    /* KiB of long texts that its open files of /proc keep */
	atomic_t packets;      /* of AF_INET that wait to be read, in units of 64 bytes */
	struct user *next;     /* hash chain; user_lock */
};

#define NGROUPS 32 /* supplementary groups at most: fewer than Linux (CAVEATS.md) */

/* Immutable once published: a change makes a copy. */
struct cred {
	refcount_t count;
	uid_t uid, euid, suid, fsuid;
	gid_t gid, egid, sgid, fsgid;
	struct user *user;
	/* As whom the session of its process logged in, by /proc/PID/loginuid; or LOGIN_UNSET. */
	uid_t loginuid;
	u32 sessionid;
	bool no_caps; /* uid 0 has given up all capabilities: treat it as an ordinary user */
	int ngroups;
	gid_t groups[NGROUPS];
};

#define LOGIN_UNSET 0xffffffffu

struct task;

void cred_init(void);
extern struct cred init_cred;
void copy_creds(struct task *p); /* counts the task for its user */
void exit_creds(struct task *p);
void put_cred(struct cred *c);
SCOPED(put_cred, struct cred *)
void put_last_user_struct(struct user *u);
static inline void put_user_struct(struct user *u)
{
	if (unlikely(!refcount_dec_not_one(&u->count)))
		put_last_user_struct(u);
}
struct cred *prepare_creds(void); /* a private copy of current's, or NULL */
/* Change the real user id of a private copy, and the user that is charged. 0 or -ENOMEM. */
int cred_set_uid(struct cred *c, uid_t uid);
void commit_creds(struct cred *c);
/* True if c's real user has more tasks than current's RLIMIT_NPROC. Never true of root. */
bool cred_over_limit(const struct cred *c);
/* Make `c` current's credentials and take over its reference. Returns the old ones with theirs. */
struct cred *override_creds(struct cred *c);
static inline bool cred_is_root(const struct cred *c)
{
	return c->euid == 0 && !c->no_caps;
}
/* The same for access to files, which depends on fsuid. */
static inline bool cred_is_fs_root(const struct cred *c)
{
	return c->fsuid == 0 && !c->no_caps;
}
