/*
 * Puppets: tiny user-mode programs that execute any system call the shell orders.
 *
 * A puppet loops in ring 3 (puppet.asm). The private call NR_PUPPET_NEXT hands in the result of the
 * last order and returns the next: a system call, or an access to the puppet's memory. The loop
 * uses no stack and no memory, so that only orders change its page tables, and a child that shares
 * its memory cannot disturb it. fork's child returns into the same loop, and is a puppet too.
 */
#pragma once

#include "kernel/attachment.h"
#include "kernel/sched/wait_queue.h"

/* A puppet asks for its next order by this call; -ENOSYS for other tasks. Far outside Linux's. */
#define NR_PUPPET_NEXT 0xb1d

/* The layout of a puppet's memory. */
#define PUPPET_CODE         0x400000UL /* one page, R-X */
#define PUPPET_DATA         0x600000UL /* one page, RW-: its first word is for peek and poke */
#define PUPPET_SCRATCH      0x601000UL /* RW-: the strings of an order */
#define PUPPET_SCRATCH_SIZE 0x4000UL
#define PUPPET_STACK_SIZE   0x10000UL

/* Orders that the loop executes without a system call. */
enum puppet_op {
	PUPPET_PEEK = -1,  /* rax = *(u64 *)rdi */
	PUPPET_POKE = -2,  /* *(u64 *)rdi = rsi; rax = 0 */
	PUPPET_TOUCH = -3, /* a byte written in each page of [rdi, rdi + rsi); rax = pages */
};

struct puppet_order {
	long nr; /* a system call, or enum puppet_op */
	u64 arg[6];
};

enum puppet_state {
	PUPPET_NEW,     /* has not asked yet */
	PUPPET_IDLE,    /* sleeps in puppet_next() */
	PUPPET_ORDERED, /* was given an order, has not fetched it yet */
	PUPPET_BUSY,    /* executes it */
	PUPPET_GONE,    /* exited, or is another program by exec */
};

/* Referenced by its task, and by the list until the shell has reported its end. "pl": puppets_lock;
 * "me": written by its own task, and read by the shell when `state` says that the order is done. */
struct puppet {
	struct attachment attachment; /* what its task points to */
	refcount_t count;
	struct list_head link;        /* pl: all puppets, oldest first */
	struct task *task;            /* pl: NULL once gone */
	pid_t pid;                    /* pl: 0 until it first asks, or ends */
	enum puppet_state state;      /* pl */
	struct wait_queue orders;     /* where its task sleeps */
	struct puppet_order order;    /* pl: the last one given */
	long result;                  /* me: of that order */
	u64 nr_done;                  /* me: orders finished */
	u64 first_seq, last_seq;      /* me: trace_next_seq() when it first and last asked */
	u64 start_cycles, end_cycles; /* me: from fetching the order to asking for the next one */
	bool exited;                  /* pl: gone by exit, not by exec */
	int exit_code;                /* pl: wait status, when it exited */
	bool told;                    /* shell: the result of its last order was printed */
	u64 quiet_switches;           /* shell: its number of switches at the last look */
	bool clone_stopped; /* shell: its next clone(2), which clears it, stops the child */
};

struct puppet *puppet_of(const struct task *t); /* NULL: it is none */
int shell_main(void *arg);                      /* the shell's thread; never returns */
int shell_execute(const char *line); /* run a line; returns its status. For `shell=` and tests */
