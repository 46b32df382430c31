/* Semaphore sets: what sem.c and semundo.c share. */
#pragma once

#include "kernel/ipc/ipc.h"
#include "kernel/lib/list.h"
#include "kernel/sched/wait_queue.h"

struct semaphore {
	int value;
	pid_t pid; /* the process that changed it last */
};

struct sem_set {
	struct ipc_object ipc; /* must stay first */
	u32 nr;
	long otime, ctime;
	struct list_head waiting; /* struct sem_wait, in order of arrival */
	struct list_head undos;   /* struct sem_undo, one per process */
	struct semaphore sem[];
};

/* What one process did to one set, undone when the process ends. */
struct sem_undo {
	struct list_head of_set, of_process;
	struct sem_set *set;
	s16 adjust[]; /* for each semaphore */
};

/* sem_table.lock guards everything here. */
extern struct ipc_table sem_table;

/* Current's undo for this set, created if missing. ERR_PTR(-ENOMEM). */
struct sem_undo *sem_undo_of(struct sem_set *set);
void sem_undo_forget_set(struct sem_set *set); /* the set is being removed */
/* Forget the undo of semaphores `first` to `last`, which were set. */
void sem_undo_clear(struct sem_set *set, u32 first, u32 last);
/* After a change of a value: complete the calls that can go on now. */
void sem_wake(struct sem_set *set);
