/* What root may set in /proc/sys for the sake of all: plain words, read anywhere. */
#pragma once

#include "kernel/lib/types.h"

extern u64 epoll_max_watches;  /* fs.epoll.max_user_watches, of one user: epoll.c */
extern u64 file_max;           /* fs.file-max: open_file.c */
extern u64 nr_open;            /* fs.nr_open: the highest RLIMIT_NOFILE: fd_table.c */
extern u64 mount_max;          /* fs.mount-max: mount.c */
extern u64 pipe_max_size;      /* fs.pipe-max-size, in bytes: pipe.c */
extern u64 pipe_pages_soft;    /* fs.pipe-user-pages-soft, of one user; 0: no limit */
extern u64 pipe_pages_hard;    /* fs.pipe-user-pages-hard, likewise */
extern u64 pty_max;            /* kernel.pty.max: devpts.c */
extern u64 nr_ptys;            /* kernel.pty.nr: atomic */
extern u64 socket_max_backlog; /* net.core.somaxconn: socket_unix.c */

int pipe_set_max_size(s64 size); /* rounds up to a power of two */
