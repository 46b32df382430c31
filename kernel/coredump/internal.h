/* What is private to kernel/coredump/. */
#pragma once

#include "kernel/coredump/coredump.h"
#include "kernel/fs/vfs.h"
#include "kernel/signal/core.h"

/* ---- pattern.c: the name of a dump ---- */

#define CORE_ARGS_MAX (CORE_PATTERN_SIZE / 2)

struct core_name {
	char *text; /* the path; or (pipe) the program and its arguments, each with its NUL */
	size_t len; /* without the last NUL */
	bool pipe;
	u32 argc;
	u16 arg_at[CORE_ARGS_MAX]; /* where in the text each begins */
};
/* By the pattern. False: no memory, longer than a path, or no program. */
bool core_name_make(struct core_name *name, int sig);
static inline void scoped_core_name(struct core_name *name)
{
	putname(name->text);
}
bool core_pattern_is_pipe(void);

/* ---- helper.c: a dump goes to a program ---- */

/* Start the program and return what it reads from: to be ended by helper_end(). NULL: cannot. */
struct file *helper_start(const struct core_name *name);
void helper_end(struct file *f);

/* ---- sink.c: where the bytes go ---- */

struct sink {
	struct file *file;
	bool sparse; /* a file, which can have holes; else a pipe */
	u64 pos;     /* bytes until now, with holes */
	u64 hole;    /* of these, bytes at the end that are still to be skipped */
	u64 written; /* without holes: RLIMIT_CORE */
	u64 limit;
};
/* False: the limit is reached, the file cannot grow, nobody reads, or SIGKILL came. */
bool sink_write(struct sink *s, const void *data, size_t n);
void sink_skip(struct sink *s, u64 n);
bool sink_end(struct sink *s); /* the size of the file includes a hole at its end */

/* ---- segments.c: the memory ---- */

struct segment {
	u64 start, end;
	u64 size;  /* bytes from start that are dumped */
	u32 flags; /* enum area_flags */
	u32 kind;  /* enum segment_kind */
};

/* What was mapped when the dump began. */
struct segments_map {
	struct segment *seg;
	size_t seg_size; /* bytes allocated */
	u32 nr;
	char *files; /* the contents of NT_FILE; NULL: too long, or no memory */
	size_t files_size;
};
bool segments_take(struct segments_map *m, struct mm *mm); /* false: no memory */
void segments_drop(struct segments_map *m);

/* ---- notes.c ---- */

struct notes {
	const struct core_dump *core;
	const struct segments_map *map;
	char *fpu; /* room for one image */
	size_t fpu_size;
	u32 threads;
};
bool notes_init(struct notes *n, const struct core_dump *core, const struct segments_map *map);
void notes_drop(struct notes *n);
u64 notes_size(const struct notes *n);
bool notes_write(const struct notes *n, struct sink *s);

/* ---- elf_core.c ---- */

/* True if there is a dump, be it cut short. */
bool elf_core_write(const struct core_dump *core, struct sink *s);
