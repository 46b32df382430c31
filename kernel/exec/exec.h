/* A new program in an old task: exec.c. */
#pragma once

struct mm;

/* execve(2) for a kernel thread, with strings in kernel memory. The thread enters user mode when
 * its function returns. 0, or -errno with nothing changed. */
long kernel_execve(const char *path, const char *const *argv, const char *const *envp);

/* Make `mm` (one user reference) current's address space, and load it; the old one is put. */
void exec_adopt_mm(struct mm *mm);
