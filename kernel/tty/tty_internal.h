/* A terminal, as kernel/fs/tty*.c and pty.c see it. */
#pragma once

#include "kernel/fs/vfs.h"
#include "kernel/tty/ldisc.h"
#include "kernel/tty/tty.h"

/* What differs between the console and a pseudo-terminal. NULL: nothing to do. */
struct tty_driver {
	const struct ldisc_ops *ldisc;
	size_t (*room)(struct tty *t); /* bytes a program may write now; NULL: any number */
	void (*input_taken)(struct tty *t);
	/* The next three: the tty's lock is held. */
	void (*flush_input)(struct tty *t);
	void (*set_termios)(struct tty *t);
	void (*opened)(struct tty *t, bool open); /* by the first, or no longer by anybody */
	void (*free)(struct tty *t);
};

struct tty {
	refcount_t count; /* openings, the session it belongs to, and the driver's own */
	const struct tty_driver *driver;
	u32 dev;

	struct mutex lock; /* LOCK_TTY: ldisc, winsize, openings */
	struct ldisc ldisc;
	struct winsize winsize;
	u32 openings;
	bool output_stopped;          /* by ^S or tcflow(3); read by anybody */
	bool flow_stopped;            /* by tcflow(3): ^Q does not help */
	bool hung_up;                 /* the other end is gone, for good; read by anybody */
	struct wait_queue read_wait;  /* for a line, or bytes */
	struct wait_queue write_wait; /* for ^Q, or room */

	/* Who has it as controlling terminal: while set, a reference to the tty is held, and no
	 * task outside of that session points to it. tasklist_lock and ctty_lock to change, either
	 * to read; a reference */
	struct pid *session;
	struct pid *pgrp; /* likewise: the foreground group */
};

/* ---- tty.c ---- */
void tty_setup(struct tty *t, const struct tty_driver *driver, u32 dev); /* with one reference */
struct tty *tty_get(struct tty *t);
void tty_put(struct tty *t);         /* NULL is allowed */
void tty_flush_input(struct tty *t); /* forget what was typed and not read */
/* Whoever has it open reads an end of file from now on, and its session is told. */
void tty_hangup(struct tty *t);
void tty_key_signal(void *t, int sig); /* ldisc_ops */
void tty_output_stopped(void *t, bool stop);

/* ---- tty_console.c ---- */
bool tty_is_shells(const struct tty *t); /* the kernel's shell reads it just now */

/* ---- tty_file.c ---- */
void tty_open_as(struct file *f, struct tty *t); /* f is an opening of t */

/* ---- job_control.c ---- */
/* May current, if it is in the background, do what `sig` (SIGTTIN, SIGTTOU) is sent for? 0: go on.
 */
int tty_check_job(struct tty *t, int sig);
bool tty_is_controlling(struct tty *t); /* current's */
struct tty *tty_get_current(void); /* current's, with a reference; NULL: none, or it is hung up */
void tty_signal_foreground(struct tty *t, int sig);
void tty_hangup_session(struct tty *t);
/* `any`: asked from the master's side, whose terminal it need not be. */
long tty_get_pgrp(struct tty *t, pid_t __user *out, bool any);
long tty_set_pgrp(struct tty *t, const pid_t __user *in);
long tty_get_sid(struct tty *t, pid_t __user *out, bool any);
/* `readable`: the opening it is asked of can read; TIOCSCTTY then needs no more. */
long tty_make_controlling(struct tty *t, bool steal, bool readable);
long tty_give_up(struct tty *t);

/* ---- tty_ioctl.c ---- */
long tty_ioctl(struct file *f, unsigned int cmd, unsigned long arg);
/* What either end of a pseudo-terminal may ask. */
long tty_mode_ioctl(struct tty *t, unsigned int cmd, unsigned long arg);
