/* The console terminal: line discipline, termios, foreground process group. */
#pragma once

#include "kernel/lib/types.h"
#include "kernel/uapi.h"

struct tty;
struct task;
struct pid;

extern struct tty console_tty;

void tty_init(void);
/* Start ktty, which echoes and turns ^C into a signal. Once kthreadd runs; typed bytes are kept
 * until then. */
void tty_start(void);
/* For the shell: one character as typed, neither echoed nor interpreted; sleeps. */
int tty_getc(struct tty *t);
/* True when a character waits. */
bool tty_poll_in(struct tty *t);
/* Save and restore the terminal's mode around a foreground program. */
void tty_get_termios(struct tty *t, struct termios2 *out);
void tty_set_termios(struct tty *t, const struct termios2 *in);
/* While the shell reads, typed characters go to tty_getc() raw; while a program is in front, to the
 * line discipline. */
void tty_set_raw_owner(struct tty *t, bool shell_owns);
/* Make `pgrp` (a reference is taken; NULL: nobody) the foreground group and `session` the owner. */
void tty_set_foreground(struct tty *t, struct pid *session, struct pid *pgrp);
struct pid *tty_get_foreground(struct tty *t); /* with a reference, or NULL */
/* At exit of a session leader: SIGHUP and SIGCONT to the foreground group, and the terminal is
 * free. */
/* For proc(5)'s stat: device number and foreground group of a terminal, 0 and -1 without one. The
 * caller holds tasklist_lock. */
void tty_numbers(const struct tty *t, u32 *dev, pid_t *pgrp);
void tty_disassociate(struct task *leader);
