/* A terminal, as kernel/tty/ sees it. */
#pragma once

#include "kernel/fs/vfs.h"
#include "kernel/tty/ldisc.h"
#include "kernel/tty/tty.h"

/* What differs between the console and a pseudo-terminal. NULL: nothing to do. */
struct tty_driver {
	const struct ldisc_ops *ldisc;
	size_t (*room)(struct tty *t); /* bytes that may be written now; NULL: no limit */
	void (*input_taken)(struct tty *t);
	/* The next three: the tty's lock is held. */
	void (*flush_input)(struct tty *t);
	void (*set_termios)(struct tty *t);
	void (*opened)(struct tty *t, bool open); /* opened first, or closed last */
	void (*free)(struct tty *t);
};

struct tty {
	refcount_t count; /* openings, its session, and the driver's own */
	const struct tty_driver *driver;
	u32 dev;

	struct mutex lock; /* LOCK_TTY: ldisc, winsize, openings */
	struct ldisc ldisc;
	struct winsize winsize;
	u32 openings;
	bool output_stopped;          /* by ^S or tcflow(3); read without the lock */
	bool flow_stopped;            /* by tcflow(3): ^Q does not undo it */
	bool hung_up;                 /* the other end is gone for good; read without the lock */
	struct wait_queue read_wait;  /* for a line, or bytes */
	struct wait_queue write_wait; /* for ^Q, or room */

	/* The session whose controlling terminal this is: a reference. While set, the tty has one
	 * more reference, and only tasks of this session point to the tty. Written under
	 * tasklist_lock and ctty_lock, read under either. */
	struct pid *session;
	struct pid *pgrp; /* same: the foreground group */
};

/* ---- tty.c ---- */
void tty_setup(struct tty *t, const struct tty_driver *driver, u32 dev); /* with one reference */
struct tty *tty_get(struct tty *t);
void tty_put(struct tty *t);         /* NULL is allowed */
void tty_flush_input(struct tty *t); /* drop unread input */
/* Hang up: reads return end of file, and the leader of the session gets SIGHUP. */
void tty_hangup(struct tty *t);
void tty_key_signal(void *t, int sig); /* ldisc_ops */
void tty_output_stopped(void *t, bool stop);

/* ---- tty_console.c ---- */
bool tty_is_shells(const struct tty *t); /* the kernel's shell owns it now */

/* ---- tty_file.c ---- */
void tty_open_as(struct file *f, struct tty *t); /* make f an opening of t */

/* ---- job_control.c ---- */
/* May current read (SIGTTIN) or write (SIGTTOU) here? 0, or -EIO or -ERESTARTSYS. */
int tty_check_job(struct tty *t, int sig);
/* current's terminal, with a reference; NULL: none, or hung up */
struct tty *tty_get_current(void);
void tty_signal_foreground(struct tty *t, int sig);
void tty_hangup_session(struct tty *t);
/* `any`: do not ask whether it is current's terminal. */
long tty_get_pgrp(struct tty *t, pid_t __user *out, bool any);
long tty_set_pgrp(struct tty *t, const pid_t __user *in);
long tty_get_sid(struct tty *t, pid_t __user *out, bool any);
/* `readable`: the opening can be read, so TIOCSCTTY needs no root. */
long tty_make_controlling(struct tty *t, bool steal, bool readable);
long tty_give_up(struct tty *t);

/* ---- devpts.c ---- */
/* The root of the devpts that this ptmx belongs to. With a reference; ERR_PTR. */
struct dentry *devpts_for(struct inode *ptmx, struct dentry *dentry);
/* Make a name for a new slave and set t->dev. With a reference; ERR_PTR. */
struct dentry *devpts_add(struct dentry *root, struct tty *t, u32 *index);
void devpts_remove(struct dentry *node);
extern u64 pty_max; /* kernel.pty.max */
extern u64 nr_ptys; /* kernel.pty.nr: atomic */

/* ---- tty_ioctl.c ---- */
long tty_ioctl(struct file *f, unsigned int cmd, unsigned long arg);
/* What both ends of a pseudo-terminal answer. */
long tty_mode_ioctl(struct tty *t, unsigned int cmd, unsigned long arg);
