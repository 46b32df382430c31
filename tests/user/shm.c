/* shmget(2), shmat(2), shmdt(2), shmctl(2). */
#include "check.h"

#include <sys/ipc.h>
#include <sys/shm.h>

#define PAGE 4096UL

static int must_get(size_t size)
{
	int id = shmget(IPC_PRIVATE, size, 0600);

	if (id < 0) {
		say("shmget: %s", error_name(errno));
		_exit(1);
	}
	return id;
}

static struct shmid_ds stat_of(int id)
{
	struct shmid_ds ds = {0};

	if (shmctl(id, IPC_STAT, &ds) != 0)
		say("IPC_STAT: %s", error_name(errno));
	return ds;
}

static void say_attached(const char *what, int id)
{
	struct shmid_ds ds = stat_of(id);

	say("%s: attached %d", what, (int)ds.shm_nattch);
}

static void check_get(void)
{
	const key_t key = 0x1234567;
	int id = shmget(key, 3 * PAGE + 5, IPC_CREAT | 0640);
	struct shmid_ds ds = stat_of(id);

	TRUTH(id >= 0);
	say("key %x, mode %o, size %zu, attached %d", ds.shm_perm.__key, ds.shm_perm.mode,
	    ds.shm_segsz, (int)ds.shm_nattch);
	TRUTH(ds.shm_cpid == getpid() && ds.shm_lpid == 0 && ds.shm_atime == 0 &&
	      ds.shm_dtime == 0);
	TRUTH(labs(ds.shm_ctime - time(NULL)) < 3);
	TRUTH(shmget(key, 0, 0) == id);
	TRUTH(shmget(key, PAGE, IPC_CREAT | 0600) == id);
	RESULT(shmget(key, 5 * PAGE, 0));
	RESULT(shmget(key, PAGE, IPC_CREAT | IPC_EXCL));
	RESULT(shmget(key + 1, PAGE, 0));
	RESULT(shmget(key + 1, 0, IPC_CREAT));
	RESULT(shmget(IPC_PRIVATE, ~0UL, 0600));
	ds.shm_perm.uid = 12;
	ds.shm_perm.gid = 13;
	ds.shm_perm.mode = 01777;
	RESULT(shmctl(id, IPC_SET, &ds));
	ds = stat_of(id);
	say("mode %o, uid %d of %d, gid %d of %d", ds.shm_perm.mode, ds.shm_perm.uid,
	    ds.shm_perm.cuid, ds.shm_perm.gid, ds.shm_perm.cgid);
	RESULT(shmctl(id, SHM_LOCK, NULL));
	say("mode %o", stat_of(id).shm_perm.mode);
	RESULT(shmctl(id, SHM_UNLOCK, NULL));
	RESULT(shmctl(id, IPC_RMID, NULL));
	RESULT(shmctl(id, IPC_RMID, NULL));
	RESULT(shmget(key, 0, 0));
	RESULT(shmctl(id, 1234, NULL));
	RESULT(shmctl(-1, IPC_STAT, &ds));
	WHETHER((long)shmat(id, NULL, 0));
}

static void check_attach(void)
{
	int id = must_get(2 * PAGE);
	char *p = shmat(id, NULL, 0), *q = shmat(id, NULL, SHM_RDONLY);

	say_attached("twice", id);
	strcpy(p + PAGE, "shared");
	say("%s %s", q, q + PAGE);
	TRUTH(stat_of(id).shm_lpid == getpid());
	TRUTH(labs(stat_of(id).shm_atime - time(NULL)) < 3);
	RESULT(mprotect(q, PAGE, PROT_READ | PROT_WRITE));
	RESULT(shmdt(q + 1));
	RESULT(shmdt(q + PAGE));
	RESULT(shmdt(q));
	RESULT(shmdt(q));
	say_attached("once", id);
	/* at an address */
	WHETHER((long)shmat(id, p, 0));
	WHETHER((long)shmat(id, p + 5, 0));
	WHETHER((long)shmat(id, NULL, SHM_REMAP));
	TRUTH(shmat(id, p + 5, SHM_RND | SHM_REMAP) == p);
	say_attached("replaced", id);
	RESULT(munmap(p, PAGE)); /* the rest can still be detached */
	say_attached("half", id);
	RESULT(shmdt(p));
	say_attached("gone", id);
	p = shmat(id, NULL, 0);
	munmap(p + PAGE, PAGE);
	TRUTH(mmap(p + PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
	      p + PAGE);
	RESULT(shmdt(p));
	TRUTH(p[PAGE] == 0); /* not ours */
	say_attached("gone again", id);
	TRUTH(labs(stat_of(id).shm_dtime - time(NULL)) < 3);
	shmctl(id, IPC_RMID, NULL);
}

static void check_processes(const char *self)
{
	int id = must_get(PAGE);
	char *p = shmat(id, NULL, 0);
	struct gate here = gate_make(), there = gate_make();
	pid_t pid = must_fork();

	if (pid == 0) {
		p[0] = 'c';
		gate_open(&here);
		gate_wait(&there);
		pid_t grandchild = must_fork();
		if (grandchild == 0) {
			say_attached("three processes", id);
			execl(self, self, "exit", NULL);
		}
		waitpid(grandchild, NULL, 0);
		say_attached("after exec and exit", id);
		shmdt(p);
		say_attached("after shmdt", id);
		p = shmat(id, NULL, 0);
		_exit(0);
	}
	gate_wait(&here);
	say("the child wrote %c", p[0]);
	say_attached("after fork", id);
	gate_open(&there);
	reap("child", pid);
	say_attached("after its exit", id);
	/* Removed while attached: it lives on, without a name. */
	RESULT(shmctl(id, IPC_RMID, NULL));
	say("mode %o, key %d", stat_of(id).shm_perm.mode, stat_of(id).shm_perm.__key);
	TRUTH(p[0] == 'c');
	char *q = shmat(id, NULL, 0); /* Linux allows it */
	TRUTH(q != (void *)-1 && q[0] == 'c');
	pid = must_fork();
	if (pid == 0)
		_exit(0);
	reap("another child", pid);
	RESULT(shmdt(p));
	say_attached("one is left", id);
	RESULT(shmdt(q));
	struct shmid_ds ds;
	RESULT(shmctl(id, IPC_STAT, &ds));
}

static int the_id;
static void as_user(void)
{
	struct shmid_ds ds;

	if (setgid(100) != 0 || setuid(1000) != 0)
		_exit(1);
	RESULT(shmctl(the_id, IPC_STAT, &ds));
	WHETHER((long)shmat(the_id, NULL, 0));
	WHETHER((long)shmat(the_id, NULL, SHM_RDONLY));
	RESULT(shmctl(the_id, IPC_RMID, NULL));
	RESULT(shmctl(the_id, IPC_SET, &ds));
	RESULT(shmctl(the_id, SHM_LOCK, NULL));
	WHETHER(shmget(0x777, 0, 0400));
	WHETHER(shmget(0x777, 0, 0600));
}

static void check_permissions(void)
{
	struct shmid_ds ds;

	the_id = shmget(0x777, PAGE, IPC_CREAT | 0600);
	in_child("another user", as_user);
	ds = stat_of(the_id);
	ds.shm_perm.mode = 0604;
	shmctl(the_id, IPC_SET, &ds);
	in_child("may read", as_user);
	ds.shm_perm.mode = 0060;
	ds.shm_perm.gid = 100;
	shmctl(the_id, IPC_SET, &ds);
	in_child("of its group", as_user);
	ds.shm_perm.uid = 1000;
	shmctl(the_id, IPC_SET, &ds);
	in_child("its owner", as_user);
	RESULT(shmctl(the_id, IPC_STAT, &ds));
}

static void check_info(void)
{
	struct shminfo limits;
	struct shm_info use;
	int ids[3];

	for (int i = 0; i < 3; i++)
		ids[i] = must_get((size_t)(i + 1) * PAGE);
	WHETHER(shmctl(0, IPC_INFO, (void *)&limits));
	say("max %lu, min %lu, segments %lu", limits.shmmax, limits.shmmin, limits.shmmni);
	WHETHER(shmctl(0, SHM_INFO, (void *)&use));
	say("%d ids, %lu pages, %lu in memory", use.used_ids, use.shm_tot, use.shm_rss);
	RESULT(shmctl(77, SHM_STAT, (void *)&(struct shmid_ds){0}));
	shmctl(ids[1], IPC_RMID, NULL);
	int again = must_get(PAGE);
	TRUTH(again != ids[1]); /* the slot, but not the id */
	TRUTH(shmctl(ids[1], IPC_STAT, (void *)&(struct shmid_ds){0}) == -1);
	shmctl(again, IPC_RMID, NULL);
	shmctl(ids[0], IPC_RMID, NULL);
	shmctl(ids[2], IPC_RMID, NULL);
}

/* The *_STAT calls take an index: of an id, what its slot is. They give the id there now. */
static void check_stat_by_index(void)
{
	struct shmid_ds ds;
	int ids[200], first = -1, id;

	for (int i = 0; i < 200; i++) { /* until slots are used again */
		ids[i] = shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600);
		if (i < 199)
			shmctl(ids[i], IPC_RMID, NULL);
	}
	id = ids[199];
	for (int i = 0; i < 199; i++)
		if (ids[i] % 32768 == id % 32768)
			first = ids[i];
	TRUTH(id != first && id % 32768 == first % 32768);
	TRUTH(shmctl(id % 32768, SHM_STAT, &ds) == id);
	TRUTH(shmctl(id, SHM_STAT, &ds) == id);
	TRUTH(shmctl(first, SHM_STAT, &ds) == id);
	TRUTH(shmctl(id, SHM_STAT_ANY, &ds) == id);
	RESULT(shmctl(-1, SHM_STAT, &ds));
	RESULT(shmctl(first, IPC_STAT, &ds));
	shmctl(id, IPC_RMID, NULL);
	RESULT(shmctl(id, SHM_STAT, &ds));
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return 0;
	check_get();
	check_attach();
	check_processes(argv[0]);
	check_permissions();
	check_info();
	check_stat_by_index();
	return 0;
}
