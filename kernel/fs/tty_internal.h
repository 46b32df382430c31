/* A terminal, as kernel/fs/tty*.c see it. */
#pragma once

#include "kernel/fs/ldisc.h"
#include "kernel/fs/tty.h"
#include "kernel/fs/vfs.h"

#define RAW_SIZE 1024

struct tty {
	spinlock_t raw_lock; /* LOCK_INPUT (irq): raw, raw_head, raw_tail */
	u32 raw_head, raw_tail;
	u8 raw[RAW_SIZE];           /* as the keyboard gave them; full: what comes is lost */
	struct wait_queue raw_wait; /* ktty, or the shell */

	struct mutex lock; /* LOCK_TTY: ldisc, winsize, shell_owns */
	struct ldisc ldisc;
	struct winsize winsize;
	bool shell_owns;              /* typed bytes are the shell's; read by anybody */
	bool output_stopped;          /* ^S; read by anybody */
	struct wait_queue read_wait;  /* for a line, or bytes */
	struct wait_queue write_wait; /* for ^Q */

	struct pid *session; /* tasklist_lock; a reference: who has it as controlling terminal */
	struct pid *pgrp;    /* tasklist_lock; a reference: the foreground group */
};

/* ---- tty.c ---- */
void tty_flush_input(struct tty *t); /* forget what was typed and not read */

/* ---- tty_job.c ---- */
/* May current, if it is in the background, do what `sig` (SIGTTIN, SIGTTOU) is sent for? 0: go on.
 */
int tty_check_job(struct tty *t, int sig);
bool tty_is_controlling(struct tty *t); /* current's */
void tty_signal_foreground(struct tty *t, int sig);
long tty_get_pgrp(struct tty *t, pid_t __user *out);
long tty_set_pgrp(struct tty *t, const pid_t __user *in);
long tty_get_sid(struct tty *t, pid_t __user *out);
long tty_make_controlling(struct tty *t, bool steal);
long tty_give_up(struct tty *t);

/* ---- tty_ioctl.c ---- */
long tty_ioctl(struct file *f, unsigned int cmd, unsigned long arg);
