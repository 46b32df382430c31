/*
 * The notes of a dump: what is not memory. <sys/procfs.h> has the structures.
 *
 * The thread that the signal was for comes first, with what concerns the process; then the others.
 */
#include "kernel/coredump/internal.h"
#include "kernel/time/timer.h"
#include "mm/mm.h"
#include "mm/slab.h"

#include <linux/elf.h>

/* struct elf_prstatus; times are seconds and microseconds. */
struct prstatus {
	s32 signo, code, error;
	s16 cursig;
	u64 sigpend, sighold;
	pid_t pid, ppid, pgrp, sid;
	u64 utime[2], stime[2], cutime[2], cstime[2];
	u64 regs[NR_CORE_REGS];
	s32 has_fpu;
};

/* struct elf_prpsinfo */
struct prpsinfo {
	char state, sname, zombie, nice;
	u64 flags;
	uid_t uid;
	gid_t gid;
	pid_t pid, ppid, pgrp, sid;
	char name[16], args[80];
};

struct siginfo_note {
	ksiginfo_t info;
	char rest[128 - sizeof(ksiginfo_t)];
};

_Static_assert(sizeof(struct prstatus) == 336 && sizeof(struct prpsinfo) == 136 &&
		       sizeof(struct siginfo_note) == 128,
	       "as debuggers know them");

static u64 note_size(size_t n)
{
	return sizeof(Elf64_Nhdr) + 8 + ALIGN_UP(n, 4UL); /* "CORE" and "LINUX" take 8 */
}

static bool put_note(struct sink *s, u32 type, const void *data, size_t n)
{
	const char *owner = type == NT_X86_XSTATE ? "LINUX" : "CORE";
	Elf64_Nhdr head = {.n_namesz = strlen(owner) + 1, .n_descsz = n, .n_type = type};
	char name[8] = "";

	strlcpy(name, owner, sizeof(name));
	return sink_write(s, &head, sizeof(head)) && sink_write(s, name, sizeof(name)) &&
	       sink_write(s, data, n) && (n % 4 == 0 || sink_write(s, "\0\0\0", 4 - n % 4));
}

/* ---- PRSTATUS ---- */

static void set_time(u64 out[2], u64 ns)
{
	out[0] = ns / NSEC_PER_SEC;
	out[1] = ns % NSEC_PER_SEC / NSEC_PER_USEC;
}

/* The leader's times are those of the process. */
static void set_usage(struct prstatus *st, struct task *t)
{
	struct usage own, children;
	u64 flags = spin_lock_irqsave(&t->sighand->lock);

	children = t->signal->children;
	if (thread_group_leader(t))
		process_usage(t->signal, &own);
	else
		task_usage(t, &own);
	st->sigpend = t->pending.set;
	st->sighold = t->blocked;
	spin_unlock_irqrestore(&t->sighand->lock, flags);
	set_time(st->utime, own.utime);
	set_time(st->stime, own.stime);
	set_time(st->cutime, children.utime);
	set_time(st->cstime, children.stime);
}

static bool put_status(const struct notes *n, struct sink *s, struct task *t)
{
	struct prstatus st;

	memset(&st, 0, sizeof(st)); /* the gaps too */
	st.signo = n->core->info->si_signo;
	st.cursig = (s16)st.signo;
	st.pid = t->pid_nr;
	st.ppid = READ_ONCE(t->ppid_nr);
	st.pgrp = READ_ONCE(t->signal->group_nr[PIDTYPE_PGID]);
	st.sid = READ_ONCE(t->signal->group_nr[PIDTYPE_SID]);
	st.has_fpu = 1;
	set_usage(&st, t);
	arch_core_registers(t, st.regs);
	return put_note(s, NT_PRSTATUS, &st, sizeof(st));
}

static bool put_fpu(const struct notes *n, struct sink *s, struct task *t)
{
	arch_core_fpu(t, n->fpu);
	return put_note(s, NT_PRFPREG, n->fpu, CORE_FPU_SIZE) &&
	       (!arch_has_xstate() || put_note(s, NT_X86_XSTATE, n->fpu, n->fpu_size));
}

/* ---- the process ---- */

/* The command line, with blanks between its words. */
static void set_arguments(struct prpsinfo *ps, struct mm *mm)
{
	size_t n = MIN(mm->arg_end - mm->arg_start, sizeof(ps->args) - 1);

	n = mm_access(mm, mm->arg_start, ps->args, n, false);
	for (size_t i = 0; i < n; i++)
		if (!ps->args[i])
			ps->args[i] = ' ';
}

static bool put_process(struct sink *s)
{
	const struct task *p = current;
	struct prpsinfo ps;

	memset(&ps, 0, sizeof(ps));
	ps.sname = 'R';
	ps.nice = (char)PRIO_TO_NICE(p->static_prio);
	ps.uid = p->cred->uid;
	ps.gid = p->cred->gid;
	ps.pid = p->tgid_nr;
	ps.ppid = READ_ONCE(p->ppid_nr);
	ps.pgrp = READ_ONCE(p->signal->group_nr[PIDTYPE_PGID]);
	ps.sid = READ_ONCE(p->signal->group_nr[PIDTYPE_SID]);
	strlcpy(ps.name, p->comm, sizeof(ps.name));
	set_arguments(&ps, p->mm);
	return put_note(s, NT_PRPSINFO, &ps, sizeof(ps));
}

static bool put_siginfo(const struct notes *n, struct sink *s)
{
	struct siginfo_note note;

	memset(&note, 0, sizeof(note));
	note.info = *n->core->info;
	return put_note(s, NT_SIGINFO, &note, sizeof(note));
}

/* With the AT_NULL at its end. */
static size_t vector_size(const struct mm *mm)
{
	size_t n = 0;

	while (n < AUXV_WORDS - 2 && mm->auxv[n] != AT_NULL)
		n += 2;
	return (n + 2) * sizeof(mm->auxv[0]);
}

/* ---- all ---- */

bool notes_init(struct notes *n, const struct core_dump *core, const struct segments_map *map)
{
	const struct core_thread *t;

	*n = (struct notes){.core = core, .map = map, .fpu_size = arch_core_fpu(current, NULL)};
	n->fpu = kmalloc(n->fpu_size);
	n->threads = 1;
	arch_save_current();
	list_for_each_entry (t, &core->threads, link)
		n->threads++;
	return n->fpu != NULL;
}

void notes_drop(struct notes *n)
{
	kfree(n->fpu);
}

u64 notes_size(const struct notes *n)
{
	u64 thread = note_size(sizeof(struct prstatus)) + note_size(CORE_FPU_SIZE) +
		     (arch_has_xstate() ? note_size(n->fpu_size) : 0);

	return n->threads * thread + note_size(sizeof(struct prpsinfo)) +
	       note_size(sizeof(struct siginfo_note)) + note_size(vector_size(current->mm)) +
	       (n->map->files ? note_size(n->map->files_size) : 0);
}

bool notes_write(const struct notes *n, struct sink *s)
{
	const struct segments_map *map = n->map;
	const struct core_thread *t;

	if (!put_status(n, s, current) || !put_process(s) || !put_siginfo(n, s) ||
	    !put_note(s, NT_AUXV, current->mm->auxv, vector_size(current->mm)) ||
	    (map->files && !put_note(s, NT_FILE, map->files, map->files_size)) ||
	    !put_fpu(n, s, current))
		return false;
	list_for_each_entry (t, &n->core->threads, link)
		if (!put_status(n, s, t->task) || !put_fpu(n, s, t->task))
			return false;
	return true;
}
