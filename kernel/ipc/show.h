/* /proc/sysvipc: kernel/fs/proc/system.c has the names. */
#pragma once

struct seq;
struct proc_node;

int shm_show(struct seq *out, const struct proc_node *node);
int sem_show(struct seq *out, const struct proc_node *node);
