/* The strings of an execve(2), and the initial stack made of them. */
#pragma once

#include "kernel/exec/elf.h"
#include "kernel/exec/exec_creds.h"
#include "kernel/exec/layout.h"
#include "kernel/lib/scope.h"
#include "kernel/lib/types.h"

#define EXEC_MAX_STRINGS      (6UL << 20) /* bytes of all strings and pointers together */
#define EXEC_MAX_STRING_PAGES (EXEC_MAX_STRINGS / PAGE_SIZE)
#define EXEC_FEW_PAGES        8 /* as many as most need */
#define EXEC_MAX_SCRIPTS      5 /* interpreters that are scripts themselves: execve(2) */
#define EXEC_MAX_PREFIX       (2 * EXEC_MAX_SCRIPTS + 1)
#define MAX_AUX               24 /* entries of the auxiliary vector */

/* The arguments of execve(2). */
struct exec_args {
	const char *path;
	const void *argv, *envp; /* vectors in user memory, or in the kernel's if `kernel` */
	bool kernel;
	bool unreachable; /* the new program cannot open the path: execveat(2) */
	/* Of a script: interpreter, its argument, the script. They replace argv[0]. */
	int nr_prefix;
	const char *prefix[EXEC_MAX_PREFIX];
};

struct exec_strings {
	size_t used;     /* bytes over all pages */
	size_t pointers; /* bytes that the pointers to them will take */
	size_t limit;    /* of both together */
	int argc, envc;
	size_t envp_at, name_at; /* where the environment and the file name begin */
	char **page;             /* `few`, or a list of its own */
	char *few[EXEC_FEW_PAGES];
};

struct mm;

/* ERR_PTR: -EFAULT, -E2BIG, -ENOMEM, -EINTR (being killed). */
struct exec_strings *exec_strings_gather(const struct exec_args *args);
void exec_strings_free(struct exec_strings *s);
SCOPED(exec_strings_free, struct exec_strings *)
/* Lay out the initial stack of System V ABI AMD64, figure 3.9, in `mm`, whose stack is mapped.
 * Returns the initial stack pointer, or -ENOMEM. */
long exec_build_stack(struct mm *mm, const struct exec_strings *s, const struct elf_image *img,
		      const struct exec_layout *l, const struct exec_creds *creds);
