/* A new program in an old task: exec.c. */
#pragma once

struct mm;

/* execve(2) of a kernel thread, with strings of its own: becomes user mode on return to it. 0, or
 * -errno and nothing has changed. */
long kernel_execve(const char *path, const char *const *argv, const char *const *envp);

/* Make `mm` (one user reference) current's address space, and load it; the old one is put. */
void exec_adopt_mm(struct mm *mm);
