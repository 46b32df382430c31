/* Credentials, and the count of each user's tasks, which RLIMIT_NPROC limits. */
#include "kernel/cred.h"

#include "kernel/task.h"
#include "mm/mm.h"
#include "mm/slab.h"

#define USER_HASH 64

static struct user root_user = {.count = REFCOUNT_INIT(1), .processes = ATOMIC_INIT(1)};
static struct user *user_hash[USER_HASH] = {&root_user}; /* user_lock */
static spinlock_t user_lock = SPINLOCK_INIT(LOCK_USER);
static struct kmem_cache *user_cache, *cred_cache;

/* Root's credentials. They are not from the cache, and their count never falls to zero. */
struct cred init_cred = {.count = REFCOUNT_INIT(1),
			 .user = &root_user,
			 .loginuid = LOGIN_UNSET,
			 .sessionid = LOGIN_UNSET};

void cred_init(void)
{
	user_cache = kmem_cache_create("user", sizeof(struct user), 0);
	cred_cache = kmem_cache_create("cred", sizeof(struct cred), 0);
}

/* The link to the user `uid`, or the end of its chain. Caller holds user_lock. */
static struct user **user_link(uid_t uid)
{
	struct user **link = &user_hash[uid % USER_HASH];

	while (*link && (*link)->uid != uid)
		link = &(*link)->next;
	return link;
}

/* The struct of user `uid`, with a reference; a new one if there is none yet. NULL: no memory. */
static struct user *get_user_struct(uid_t uid)
{
	struct user *fresh = kmem_cache_zalloc(user_cache), *u, **link;
	u64 flags;

	if (!fresh)
		return NULL;
	flags = spin_lock_irqsave(&user_lock);
	link = user_link(uid);
	u = *link;
	if (u) {
		refcount_inc(&u->count);
	} else {
		*link = u = fresh;
		fresh = NULL;
		refcount_set(&u->count, 1);
		u->uid = uid;
	}
	spin_unlock_irqrestore(&user_lock, flags);
	if (fresh)
		kmem_cache_free(user_cache, fresh);
	return u;
}

/* Drop what seemed to be the last reference: another one may have been taken meanwhile. */
void put_last_user_struct(struct user *u)
{
	u64 flags = spin_lock_irqsave(&user_lock);
	bool last = refcount_dec_and_test(&u->count);

	if (last)
		*user_link(u->uid) = u->next;
	spin_unlock_irqrestore(&user_lock, flags);
	if (last)
		kmem_cache_free(user_cache, u);
}

void put_cred(struct cred *c)
{
	if (!refcount_dec_and_test(&c->count))
		return;
	put_user_struct(c->user);
	kmem_cache_free(cred_cache, c);
}

/* fork: parent and child share their credentials, which are immutable. */
void copy_creds(struct task *p)
{
	p->cred = current->cred;
	refcount_inc(&p->cred->count);
	atomic_inc(&p->cred->user->processes);
}

void exit_creds(struct task *p)
{
	atomic_dec(&p->cred->user->processes);
	put_cred(p->cred);
	p->cred = NULL;
}

struct cred *prepare_creds(void)
{
	struct cred *c = kmem_cache_alloc(cred_cache);

	if (!c)
		return NULL;
	*c = *current->cred;
	refcount_set(&c->count, 1);
	refcount_inc(&c->user->count);
	return c;
}

int cred_set_uid(struct cred *c, uid_t uid)
{
	struct user *u = get_user_struct(uid);

	if (!u)
		return -ENOMEM;
	put_user_struct(c->user);
	c->user = u;
	c->uid = uid;
	return 0;
}

struct cred *override_creds(struct cred *c)
{
	struct cred *old = current->cred;
	guard_spin(&current->lock);
	guard_irq(&current->sighand->lock);

	guarded(current, cred) = c;
	return old;
}

bool cred_over_limit(const struct cred *c)
{
	u64 limit = READ_ONCE(current->signal->rlim[RLIMIT_NPROC].rlim_cur);

	return (u64)atomic_read(&c->user->processes) > limit && c->uid != 0;
}

/* setuid(2) does not fail when the user has too many tasks, since programs do not expect that. The
 * next execve(2) fails instead. */
static void note_limit(const struct cred *c)
{
	if (cred_over_limit(c))
		current->flags |= PF_NPROC_EXCEEDED;
	else
		current->flags &= ~PF_NPROC_EXCEEDED;
}

void commit_creds(struct cred *c)
{
	struct cred *old = current->cred;

	if (c->user != old->user)
		note_limit(c); /* as on Linux, before this task is counted */
	atomic_inc(&c->user->processes);
	if (c->euid != old->euid || c->egid != old->egid || c->fsuid != old->fsuid ||
	    c->fsgid != old->fsgid) {
		/* prctl(2): these were set under the old ids: clear them before the ids change. */
		WRITE_ONCE(current->pdeath_signal, 0);
		if (current->mm)
			WRITE_ONCE(current->mm->dumpable, 0);
	}
	override_creds(c);
	atomic_dec(&old->user->processes);
	put_cred(old);
}
