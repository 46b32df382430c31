/* Terminals: the console, and job control of all of them. */
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
/* Start ktty, which echoes and turns ^C into a signal. Bytes typed before are kept. */
void console_tty_start(void);
/* For the shell: wait for one character as typed, neither echoed nor interpreted. */
int console_getc(void);
bool console_poll_in(void); /* a character waits for console_getc() */
/* Give typed characters to console_getc() (true), or to the line discipline (false). */
void console_set_owner(bool shell);

/* ---- any terminal ---- */
/* Save and restore the terminal's mode around a foreground program. */
void tty_get_termios(struct tty *t, struct termios2 *out);
void tty_set_termios(struct tty *t, const struct termios2 *in);
/* Make `session` the owner and `pgrp` (NULL: none) the foreground group. Takes references. */
void tty_set_foreground(struct tty *t, struct pid *session, struct pid *pgrp);
/* Device number and foreground group of the process's terminal; 0 and -1 without one. proc(5) */
void tty_numbers(const struct signal *sig, u32 *dev, pid_t *pgrp);
