/* Threads of the kernel: kthread.c. */
#pragma once

struct task;

int kthreadd(void *unused);
void kthreadd_wake(void); /* kthreadd has work: any context */
/* A kernel thread made by kthreadd (pid 2); returns its task with a reference, or ERR_PTR(-errno).
 * It runs at once; when fn returns the thread exits with that value, or
 * runs the program that kernel_execve() has made of it. */
struct task *kthread_create(int (*fn)(void *), void *arg, const char *name);
/* Wait until `p` has exited, and drop the reference. Returns what its function returned. */
int kthread_join(struct task *p);
void kthread_exited(void); /* from exit.c */
