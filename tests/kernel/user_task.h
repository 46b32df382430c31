/* A user process without a program file: what a test needs to fork for real. */
#pragma once

#include "kernel/task.h"

#define USER_CODE 0x400000UL
#define USER_DATA 0x600000UL

/* What a child does in user mode: where in the page of code it begins. */
enum user_script {
	SCRIPT_EXIT = 0,  /* exit_group(status) */
	SCRIPT_PAUSE = 9, /* pause(), then exit_group(0) */
	SCRIPT_SPIN = 20, /* loop for ever */
	SCRIPT_EXEC = 22, /* the program of user_exec(); killed by SIGILL if that fails */
};

/*
 * Give current, a kernel thread, an address space (a page of code, `data_pages` writable pages at
 * USER_DATA that are all touched), descriptors and registers. From then on do_fork() makes
 * real user processes from it. False without memory.
 */
bool user_context_enter(unsigned int data_pages);
/* Set what the next children do. */
void user_script(enum user_script script, int status);
/* The next children will become this program. Names of at most 23 bytes, which go to the first data
 * page. */
void user_exec(const char *path, const char *argv0);
/* Turn current into a plain kernel thread again. */
void user_context_leave(void);

/* Fork with these flags and exit signal SIGCHLD; the script decides what the child does. */
pid_t user_fork(u64 flags);
/* Wait for the child. Returns the wait status, or -errno. */
int user_wait(pid_t pid);
/* One word of the data area of `mm`, as its process would see it. */
u64 user_peek(struct mm *mm, u64 addr);
bool user_poke(struct mm *mm, u64 addr, u64 value);
