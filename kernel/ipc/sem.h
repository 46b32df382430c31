/* Semaphore sets: what sem.c and semundo.c share. */
#pragma once

#include "kernel/ipc/ipc.h"
#include "kernel/lib/list.h"
#include "kernel/sched/wait_queue.h"

struct semaphore {
	int value;
	pid_t pid; /* who changed it last */
};

struct sem_set {
	struct ipc_object ipc; /* must stay first */
	u32 nr;
	long otime, ctime;
	struct list_head waiting; /* struct sem_wait, first come */
	struct list_head undos;   /* struct sem_undo: of each process that has one for this set */
	struct semaphore sem[];
};

/* What one process did to one set, to be taken back when it ends. */
struct sem_undo {
	struct list_head of_set, of_process;
	struct sem_set *set;
	s16 adjust[]; /* for each semaphore */
};

/* Guards everything here. */
extern struct ipc_table sem_table;

/* Current's for this set, made if need be. ERR_PTR(-ENOMEM). */
struct sem_undo *sem_undo_of(struct sem_set *set);
void sem_undo_forget_set(struct sem_set *set); /* it is being removed */
/* Semaphores `first` to `last` were set: nothing is left to take back of them. */
void sem_undo_clear(struct sem_set *set, u32 first, u32 last);
/* A value has changed: let those go on who can now. */
void sem_wake(struct sem_set *set);
