/* Terminals: the console, and what job control asks of any. */
#pragma once

#include "kernel/lib/types.h"
#include "kernel/lib/uapi.h"
#include "kernel/resources.h"

struct tty;
struct task;
struct pid;
struct signal;

/* ---- the console ---- */
extern struct tty console_tty;

void console_tty_init(void);
/* Start ktty, which echoes and turns ^C into a signal. Once kthreadd runs; typed bytes are kept
 * until then. */
void console_tty_start(void);
/* For the shell: one character as typed, neither echoed nor interpreted; sleeps. */
int console_getc(void);
/* True when a character waits. */
bool console_poll_in(void);
/* While the shell reads, typed characters go to console_getc() raw; while a program is in front, to
 * the line discipline. */
void console_set_owner(bool shell);

/* ---- any terminal ---- */
/* Save and restore the terminal's mode around a foreground program. */
void tty_get_termios(struct tty *t, struct termios2 *out);
void tty_set_termios(struct tty *t, const struct termios2 *in);
/* Make `pgrp` (a reference is taken; NULL: nobody) the foreground group and `session` the owner. */
void tty_set_foreground(struct tty *t, struct pid *session, struct pid *pgrp);
struct pid *tty_get_foreground(struct tty *t); /* with a reference, or NULL */
/* For proc(5)'s stat: device number and foreground group of a process's terminal, 0 and -1 without
 * one. */
void tty_numbers(const struct signal *sig, u32 *dev, pid_t *pgrp);
