/* semget(2), semop(2), semtimedop(2), semctl(2). */
#include "check.h"

#include <pthread.h>
#include <sys/ipc.h>
#include <sys/sem.h>

union semun {
	int val;
	struct semid_ds *buf;
	unsigned short *array;
	struct seminfo *info;
};

static int must_get(int n)
{
	int id = semget(IPC_PRIVATE, n, 0600);

	if (id < 0) {
		say("semget: %s", error_name(errno));
		_exit(1);
	}
	return id;
}

static int op(int id, int num, int value, int flags)
{
	struct sembuf b = {.sem_num = num, .sem_op = value, .sem_flg = flags};

	return semop(id, &b, 1);
}

static int value(int id, int num)
{
	return semctl(id, num, GETVAL);
}

static int set(int id, int num, int v)
{
	return semctl(id, num, SETVAL, (union semun){.val = v});
}

static void wait_until(int id, int num, int cmd, int n)
{
	for (int i = 0; semctl(id, num, cmd) != n && i < 1000; i++)
		sleep_ms(2);
}

static void check_get(void)
{
	const key_t key = 0x2345;
	struct semid_ds ds;
	int id = semget(key, 3, IPC_CREAT | 0640);

	RESULT(semctl(id, 0, IPC_STAT, (union semun){.buf = &ds}));
	say("key %x, mode %o, %d semaphores, otime %ld", ds.sem_perm.__key, ds.sem_perm.mode,
	    (int)ds.sem_nsems, (long)ds.sem_otime);
	TRUTH(labs(ds.sem_ctime - time(NULL)) < 3);
	TRUTH(semget(key, 0, 0) == id);
	TRUTH(semget(key, 2, IPC_CREAT) == id);
	RESULT(semget(key, 4, 0));
	RESULT(semget(key, 3, IPC_CREAT | IPC_EXCL));
	RESULT(semget(key + 1, 1, 0));
	RESULT(semget(key + 1, 0, IPC_CREAT));
	RESULT(semget(IPC_PRIVATE, -1, 0));
	RESULT(semget(IPC_PRIVATE, 32001, 0));
	ds.sem_perm.mode = 0666;
	RESULT(semctl(id, 0, IPC_SET, (union semun){.buf = &ds}));
	RESULT(semctl(id, 0, IPC_RMID));
	RESULT(semctl(id, 0, IPC_RMID));
	RESULT(semctl(id, 0, GETVAL));
	RESULT(op(id, 0, 1, 0));
	RESULT(semctl(id, 0, 99));
}

static void check_values(void)
{
	unsigned short all[3] = {1, 2, 3}, seen[3] = {9, 9, 9};
	int id = must_get(3);

	RESULT(value(id, 0));
	RESULT(set(id, 1, 5));
	RESULT(value(id, 1));
	TRUTH(semctl(id, 1, GETPID) == getpid());
	RESULT(semctl(id, 0, GETPID));
	RESULT(set(id, 1, -1));
	RESULT(set(id, 1, 32767));
	RESULT(set(id, 1, 32768));
	RESULT(set(id, 3, 0));
	RESULT(value(id, 3));
	RESULT(semctl(id, 0, SETALL, (union semun){.array = all}));
	RESULT(semctl(id, 0, GETALL, (union semun){.array = seen}));
	say("%d %d %d", seen[0], seen[1], seen[2]);
	all[2] = 40000;
	RESULT(semctl(id, 0, SETALL, (union semun){.array = all}));
	RESULT(semctl(id, 0, SETALL, (union semun){.array = (void *)8}));
	RESULT(semctl(id, 0, GETALL, (union semun){.array = (void *)8}));
	RESULT(semctl(id, 0, GETNCNT));
	RESULT(semctl(id, 0, IPC_RMID));
}

static void check_ops(void)
{
	struct sembuf b[600] = {{0, 2, 0}, {1, 3, 0}, {0, -1, 0}};
	struct timespec soon = {0, 20000000}, bad = {0, -1};
	int id = must_get(2);

	RESULT(semop(id, b, 3));
	say("%d %d", value(id, 0), value(id, 1));
	b[0] = (struct sembuf){0, -1, 0};
	b[1] = (struct sembuf){1, -4, IPC_NOWAIT};
	RESULT(semop(id, b, 2)); /* none of them */
	say("%d %d", value(id, 0), value(id, 1));
	b[1] = (struct sembuf){1, 32767, 0};
	RESULT(semop(id, b, 2));
	say("%d %d", value(id, 0), value(id, 1));
	RESULT(op(id, 0, 0, IPC_NOWAIT)); /* it is not zero */
	RESULT(op(id, 0, -1, 0));
	RESULT(op(id, 0, 0, 0));
	RESULT(op(id, 2, 1, 0));
	RESULT(semop(id, b, 0));
	RESULT(semop(id, b, 501));
	RESULT(semop(id, (void *)8, 1));
	RESULT(semop(-1, b, 1));
	b[0] = (struct sembuf){0, -1, 0};
	RESULT(semtimedop(id, b, 1, &soon));
	RESULT(semtimedop(id, b, 1, &bad));
	RESULT(semctl(id, 0, IPC_RMID));
}

static int the_id;
static void take_one(void)
{
	_exit(op(the_id, 0, -1, 0) ? errno : 0);
}

static void wait_for_zero(void)
{
	_exit(op(the_id, 0, 0, 0) ? errno : 0);
}

static pid_t start(void (*fn)(void))
{
	pid_t pid = must_fork();

	if (pid == 0) {
		fn();
		_exit(0);
	}
	return pid;
}

static void on_signal(int sig)
{
	(void)sig;
}

static void take_with_handler(void)
{
	struct sigaction sa = {.sa_handler = on_signal, .sa_flags = SA_RESTART};

	sigaction(SIGUSR1, &sa, NULL);
	take_one(); /* is not restarted */
}

static void check_waiting(void)
{
	int id = the_id = must_get(1);
	pid_t a = start(take_one);

	wait_until(id, 0, GETNCNT, 1);
	RESULT(semctl(id, 0, GETNCNT));
	RESULT(op(id, 0, 1, 0));
	reap("one that waited", a);
	RESULT(value(id, 0));
	TRUTH(semctl(id, 0, GETPID) == a);
	set(id, 0, 2);
	a = start(wait_for_zero);
	wait_until(id, 0, GETZCNT, 1);
	RESULT(semctl(id, 0, GETZCNT));
	RESULT(op(id, 0, -2, 0));
	reap("one that waited for zero", a);
	a = start(take_with_handler);
	wait_until(id, 0, GETNCNT, 1);
	kill(a, SIGUSR1);
	reap("interrupted", a);
	RESULT(semctl(id, 0, GETNCNT));
	a = start(take_one);
	wait_until(id, 0, GETNCNT, 1);
	kill(a, SIGKILL);
	reap("killed", a);
	a = start(take_one);
	wait_until(id, 0, GETNCNT, 1);
	RESULT(set(id, 0, 1)); /* SETVAL wakes too */
	reap("set", a);
	a = start(take_one);
	wait_until(id, 0, GETNCNT, 1);
	RESULT(semctl(id, 0, IPC_RMID));
	reap("removed", a);
}

static void take_with_undo(void)
{
	RESULT(op(the_id, 0, -2, SEM_UNDO));
	RESULT(op(the_id, 1, 3, SEM_UNDO));
	say("inside: %d %d", value(the_id, 0), value(the_id, 1));
}

static void fork_with_undo(void)
{
	RESULT(op(the_id, 0, -1, SEM_UNDO));
	in_child("its child", take_one); /* inherits nothing to undo */
	say("after the child: %d", value(the_id, 0));
}

static void *in_thread(void *unused)
{
	(void)unused;
	op(the_id, 0, -1, SEM_UNDO);
	return NULL;
}

static void thread_with_undo(void)
{
	pthread_t t;

	pthread_create(&t, NULL, in_thread, NULL);
	pthread_join(t, NULL);
	say("after the thread: %d", value(the_id, 0)); /* its undo is the process's */
}

static void clear_undo(void)
{
	op(the_id, 0, -1, SEM_UNDO);
	set(the_id, 0, 5);
}

static void too_low(void)
{
	op(the_id, 1, 3, SEM_UNDO);
	set(the_id, 0, 9);
	op(the_id, 1, -2, 0); /* 1 is left of the 3 that are to be taken back */
}

static void check_undo(void)
{
	int id = the_id = must_get(2);

	set(id, 0, 5);
	in_child("with undo", take_with_undo);
	say("after: %d %d", value(id, 0), value(id, 1));
	in_child("undo and fork", fork_with_undo);
	say("after: %d", value(id, 0));
	in_child("undo in a thread", thread_with_undo);
	say("after: %d", value(id, 0));
	in_child("undo and SETVAL", clear_undo);
	say("after: %d", value(id, 0));
	in_child("down to zero only", too_low);
	say("after: %d %d", value(id, 0), value(id, 1));
	/* Somebody waits for what the undo gives back. */
	set(id, 0, 0);
	set(id, 1, 0);
	struct gate g = gate_make();
	pid_t holder = must_fork();
	if (holder == 0) {
		op(id, 0, 1, 0);
		op(id, 0, -1, SEM_UNDO);
		gate_wait(&g);
		_exit(0);
	}
	while (semctl(id, 0, GETPID) != holder)
		sleep_ms(2);
	pid_t waiter = start(take_one);
	wait_until(id, 0, GETNCNT, 1);
	gate_open(&g);
	reap("holder", holder);
	reap("waiter", waiter);
	RESULT(semctl(id, 0, IPC_RMID));
	/* The set is gone before the process: nothing is left to undo. */
	id = the_id = must_get(1);
	RESULT(op(id, 0, 1, SEM_UNDO));
	RESULT(semctl(id, 0, IPC_RMID));
}

static void as_user(void)
{
	struct semid_ds ds;

	if (setgid(100) != 0 || setuid(1000) != 0)
		_exit(1);
	RESULT(value(the_id, 0));
	RESULT(set(the_id, 0, 1));
	RESULT(op(the_id, 0, 1, 0));
	RESULT(op(the_id, 0, 0, IPC_NOWAIT));
	RESULT(semctl(the_id, 0, IPC_STAT, (union semun){.buf = &ds}));
	RESULT(semctl(the_id, 0, IPC_RMID));
}

static void check_permissions(void)
{
	struct semid_ds ds;

	the_id = must_get(1);
	in_child("another user", as_user);
	semctl(the_id, 0, IPC_STAT, (union semun){.buf = &ds});
	ds.sem_perm.mode = 0604;
	semctl(the_id, 0, IPC_SET, (union semun){.buf = &ds});
	in_child("may read", as_user);
	ds.sem_perm.mode = 0602;
	semctl(the_id, 0, IPC_SET, (union semun){.buf = &ds});
	in_child("may alter", as_user);
	semctl(the_id, 0, IPC_RMID);
}

static void check_info(void)
{
	struct seminfo info;
	int id = must_get(7);

	WHETHER(semctl(0, 0, IPC_INFO, (union semun){.info = &info}));
	say("%d %d %d %d %d %d", info.semmni, info.semmsl, info.semmns, info.semopm, info.semvmx,
	    info.semaem);
	WHETHER(semctl(0, 0, SEM_INFO, (union semun){.info = &info}));
	say("%d sets, %d semaphores", info.semusz, info.semaem);
	semctl(id, 0, IPC_RMID);
}

/* Four processes take turns, each handing on to the next. */
static void check_ring(void)
{
	enum {
		N = 4,
		ROUNDS = 200
	};
	int id = must_get(N);

	for (int i = 0; i < N; i++)
		if (must_fork() == 0) {
			for (int r = 0; r < ROUNDS; r++) {
				struct sembuf b[2] = {{i, -1, 0}, {(i + 1) % N, 1, 0}};
				if (semop(id, b, 2) != 0)
					_exit(1);
			}
			_exit(0);
		}
	op(id, 0, 1, 0);
	int good = 0, status;
	for (int i = 0; i < N; i++)
		good += wait(&status) > 0 && status == 0;
	say("ring: %d good, %d left", good, value(id, 0));
	semctl(id, 0, IPC_RMID);
}

/* The *_STAT calls take an index: of an id, what its slot is. They give the id there now. */
static void check_stat_by_index(void)
{
	struct semid_ds ds;
	union semun arg = {.buf = &ds};
	int ids[200], first = -1, id;

	for (int i = 0; i < 200; i++) { /* until slots are used again */
		ids[i] = semget(IPC_PRIVATE, 2, IPC_CREAT | 0600);
		if (i < 199)
			semctl(ids[i], 0, IPC_RMID);
	}
	id = ids[199];
	for (int i = 0; i < 199; i++)
		if (ids[i] % 32768 == id % 32768)
			first = ids[i];
	TRUTH(id != first && id % 32768 == first % 32768);
	TRUTH(semctl(id % 32768, 0, SEM_STAT, arg) == id && ds.sem_nsems == 2);
	TRUTH(semctl(id, 0, SEM_STAT, arg) == id);
	TRUTH(semctl(first, 0, SEM_STAT, arg) == id);
	TRUTH(semctl(id, 0, SEM_STAT_ANY, arg) == id);
	RESULT(semctl(-1, 0, SEM_STAT, arg));
	RESULT(semctl(first, 0, IPC_STAT, arg));
	semctl(id, 0, IPC_RMID);
}

int main(void)
{
	check_get();
	check_values();
	check_ops();
	check_waiting();
	check_undo();
	check_permissions();
	check_info();
	check_ring();
	check_stat_by_index();
	return 0;
}
