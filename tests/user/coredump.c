/* Core dumps, core(5): when there is one, and what is in it. Each is written to a folder of its own
 * and read back here. */
#include "zero_page.h"

#include <elf.h>
#include <link.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/procfs.h>
#include <sys/user.h>

#define PAGE 4096UL

static char folder[64];
static pid_t dumped; /* the last one */

/* ---- making a dump ---- */

static void limit_core(rlim_t bytes)
{
	struct rlimit limit = {bytes, bytes};

	if (setrlimit(RLIMIT_CORE, &limit))
		say("no limit: %s", error_name(errno));
}

/* Run `fn` in a child, which may dump so many bytes, and say how it ended. */
static bool dump(const char *what, void (*fn)(void), rlim_t bytes)
{
	siginfo_t info = {0};
	int status = 0;

	dumped = must_fork();
	if (dumped == 0) {
		limit_core(bytes);
		fn();
		_exit(0);
	}
	waitid(P_PID, dumped, &info, WEXITED | WNOWAIT);
	waitpid(dumped, &status, 0);
	say_status(what, status);
	say("  %s, waitid says %s, %s", WCOREDUMP(status) ? "dumped" : "no dump",
	    info.si_code == CLD_DUMPED   ? "CLD_DUMPED"
	    : info.si_code == CLD_KILLED ? "CLD_KILLED"
					 : "another code",
	    signal_name(info.si_status));
	return WCOREDUMP(status);
}

/* ---- reading it ---- */

static struct core {
	char *data;
	size_t size;
	long blocks; /* of 512 bytes */
	Elf64_Ehdr *eh;
	Elf64_Phdr *ph;
} core;

static bool read_core(void)
{
	struct stat st;
	int fd = open("core", O_RDONLY);

	if (fd < 0 || fstat(fd, &st)) {
		say("no core: %s", error_name(errno));
		return false;
	}
	core.size = st.st_size;
	core.blocks = st.st_blocks;
	core.data = mmap(NULL, core.size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	core.eh = (Elf64_Ehdr *)core.data;
	core.ph = (Elf64_Phdr *)(core.data + core.eh->e_phoff);
	say("  mode %o, owner %d, links %d", st.st_mode, st.st_uid, (int)st.st_nlink);
	return true;
}

static void drop_core(void)
{
	munmap(core.data, core.size);
	unlink("core");
}

/* The program header of an address, or NULL. */
static const Elf64_Phdr *segment_of(const void *addr)
{
	for (int i = 0; i < core.eh->e_phnum; i++) {
		const Elf64_Phdr *ph = &core.ph[i];

		if (ph->p_type == PT_LOAD && (uint64_t)addr - ph->p_vaddr < ph->p_memsz)
			return ph;
	}
	return NULL;
}

/* What is dumped for this address; NULL: nothing is. */
static const void *in_core(const void *addr)
{
	const Elf64_Phdr *ph = segment_of(addr);
	uint64_t at = ph ? (uint64_t)addr - ph->p_vaddr : 0;

	return ph && at < ph->p_filesz && ph->p_offset + at < core.size
		       ? core.data + ph->p_offset + at
		       : NULL;
}

static void say_segment(const char *what, const void *addr)
{
	const Elf64_Phdr *ph = segment_of(addr);

	if (!ph)
		say("  %s: not there", what);
	else
		say("  %s: %ld of %ld pages, %c%c%c, align %ld", what, (long)(ph->p_filesz / PAGE),
		    (long)(ph->p_memsz / PAGE), ph->p_flags & PF_R ? 'r' : '-',
		    ph->p_flags & PF_W ? 'w' : '-', ph->p_flags & PF_X ? 'x' : '-',
		    (long)ph->p_align);
}

/* The n-th note of a type, from 0 on. */
static void *note(uint32_t type, int n, size_t *size)
{
	char *at = core.data + core.ph[0].p_offset, *end = at + core.ph[0].p_filesz;

	while (at < end) {
		Elf64_Nhdr *head = (Elf64_Nhdr *)at;
		char *data = at + sizeof(*head) + ((head->n_namesz + 3) & ~3U);

		if (head->n_type == type && n-- == 0) {
			*size = head->n_descsz;
			return data;
		}
		at = data + ((head->n_descsz + 3) & ~3U);
	}
	return NULL;
}

static void say_notes(void)
{
	static const struct {
		uint32_t type;
		const char *name;
	} types[] = {{NT_PRSTATUS, "PRSTATUS"}, {NT_PRPSINFO, "PRPSINFO"}, {NT_SIGINFO, "SIGINFO"},
		     {NT_AUXV, "AUXV"},         {NT_FILE, "FILE"},         {NT_PRFPREG, "FPREGSET"},
		     {NT_X86_XSTATE, "XSTATE"}};
	char *at = core.data + core.ph[0].p_offset, *end = at + core.ph[0].p_filesz;

	while (at < end) {
		Elf64_Nhdr *head = (Elf64_Nhdr *)at;
		char *name = at + sizeof(*head), *data = name + ((head->n_namesz + 3) & ~3U);
		bool varies = head->n_type == NT_AUXV || head->n_type == NT_FILE ||
			      head->n_type == NT_X86_XSTATE;

		for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
			if (types[i].type == head->n_type)
				say("  note %s of %s: %d bytes", types[i].name, name,
				    varies ? -1 : (int)head->n_descsz);
		at = data + ((head->n_descsz + 3) & ~3U);
	}
	TRUTH(at == end);
}

/* ---- the signals ---- */

static int to_raise;

static void raise_it(void)
{
	raise(to_raise);
}

static void signals(void)
{
	for (int sig = 1; sig < 32; sig++) {
		if (sig == SIGSTOP || sig == SIGTSTP || sig == SIGTTIN || sig == SIGTTOU)
			continue;
		to_raise = sig;
		if (dump(signal_name(sig), raise_it, RLIM_INFINITY))
			WHETHER(unlink("core"));
	}
}

/* ---- when there is none ---- */

static void abort_it(void)
{
	abort();
}

static void not_dumpable(void)
{
	prctl(PR_SET_DUMPABLE, 0);
	abort();
}

static void became_another(void)
{
	if (setuid(1000))
		say("setuid: %s", error_name(errno));
	abort();
}

static void dumpable_again(void)
{
	if (setuid(1000))
		say("setuid: %s", error_name(errno));
	prctl(PR_SET_DUMPABLE, 1);
	abort();
}

static void nowhere(void)
{
	if (chdir("/proc"))
		_exit(1);
	abort();
}

static void refusals(void)
{
	say("-- no dump");
	dump("limit 0", abort_it, 0);
	dump("limit 4095", abort_it, 4095);
	dump("not dumpable", not_dumpable, RLIM_INFINITY);
	dump("setuid", became_another, RLIM_INFINITY);
	dump("in /proc", nowhere, RLIM_INFINITY);
	WHETHER(access("core", F_OK));
	chmod(".", 0777);
	if (dump("setuid, dumpable again", dumpable_again, RLIM_INFINITY) && read_core())
		drop_core();
	chmod(".", 0755);
	dump("setuid, dumpable again, but no rights here", dumpable_again, RLIM_INFINITY);
}

/* ---- the file ---- */

static void say_kind(const char *path)
{
	struct stat st;

	if (lstat(path, &st))
		say("  %s: %s", path, error_name(errno));
	else
		say("  %s: mode %o, %s, links %d", path, st.st_mode,
		    st.st_size ? "not empty" : "empty", (int)st.st_nlink);
}

static void existing(void)
{
	say("-- an old file of that name");
	close(open("core", O_CREAT | O_WRONLY, 0666));
	WHETHER(link("core", "other"));
	dump("with two links", abort_it, RLIM_INFINITY);
	say_kind("core");
	say_kind("other");
	unlink("core");
	WHETHER(symlink("other", "core"));
	dump("a symbolic link", abort_it, RLIM_INFINITY);
	say_kind("core");
	say_kind("other");
	unlink("core");
	WHETHER(mkfifo("core", 0666));
	dump("a fifo", abort_it, RLIM_INFINITY);
	say_kind("core");
	unlink("core");
	WHETHER(mkdir("core", 0755));
	dump("a directory", abort_it, RLIM_INFINITY);
	say_kind("core");
	rmdir("core");
	unlink("other");
}

/* ---- what is in it ---- */

static char *written, *untouched, *half, *read_only, *shared, *nodump, *dodump, *forbidden, *file,
	*file_written, *file_shared, *only_read;

static void *map(size_t pages, int prot, int flags, int fd)
{
	return mmap(NULL, pages * PAGE, prot, flags, fd, 0);
}

/* Pages that lie apart, so that no two areas become one. */
static void *map_apart(size_t pages, int prot)
{
	char *at = map(pages + 2, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1);

	munmap(at, PAGE);
	munmap(at + (pages + 1) * PAGE, PAGE);
	mprotect(at + PAGE, pages * PAGE, prot);
	return at + PAGE;
}

static void make_memory(void)
{
	const int rw = PROT_READ | PROT_WRITE;
	int fd = open("data", O_CREAT | O_RDWR, 0644);
	static char page[PAGE];

	memset(page, 'f', sizeof(page));
	for (int i = 0; i < 4; i++)
		if (write(fd, page, sizeof(page)) < 0)
			say("no write");
	written = map_apart(4, rw);
	memset(written, 'w', 4 * PAGE);
	untouched = map_apart(4, rw);
	only_read = map_apart(4, rw);
	if (reads_take_no_page())
		(void)*(volatile char *)only_read;
	half = map_apart(64, rw);
	half[3 * PAGE] = 'h';
	half[60 * PAGE] = 'H';
	read_only = map_apart(2, rw);
	strcpy(read_only, "read only");
	mprotect(read_only, 2 * PAGE, PROT_READ);
	forbidden = map_apart(2, rw);
	strcpy(forbidden, "forbidden");
	mprotect(forbidden, 2 * PAGE, PROT_NONE);
	shared = map(3, rw, MAP_SHARED | MAP_ANONYMOUS, -1);
	strcpy(shared, "shared");
	nodump = map_apart(2, rw);
	strcpy(nodump, "secret");
	RESULT(madvise(nodump, 2 * PAGE, MADV_DONTDUMP));
	dodump = map_apart(2, rw);
	strcpy(dodump, "not secret");
	RESULT(madvise(dodump, 2 * PAGE, MADV_DONTDUMP));
	RESULT(madvise(dodump, 2 * PAGE, MADV_DODUMP));
	file = map(4, PROT_READ, MAP_PRIVATE, fd);
	(void)*(volatile char *)file;
	file_written = map(4, rw, MAP_PRIVATE, fd);
	strcpy(file_written + PAGE, "written");
	file_shared = map(4, rw, MAP_SHARED, fd);
	(void)*(volatile char *)file_shared;
	close(fd);
}

static void abort_with_title(void)
{
	prctl(PR_SET_NAME, "a title");
	abort();
}

static void say_memory(void)
{
	say_segment("written", written);
	say_segment("untouched", untouched);
	say_segment("only read", only_read);
	say_segment("half", half);
	say_segment("read only", read_only);
	say_segment("forbidden", forbidden);
	say_segment("shared", shared);
	say_segment("nodump", nodump);
	say_segment("dodump", dodump);
	say_segment("file", file);
	say_segment("file, written", file_written);
	say_segment("file, shared", file_shared);
}

static bool all_are(const char *at, char c, size_t n)
{
	for (size_t i = 0; at && i < n; i++)
		if (at[i] != c)
			return false;
	return at != NULL;
}

static void say_contents(void)
{
	TRUTH(all_are(in_core(written), 'w', 4 * PAGE));
	TRUTH(all_are(in_core(half), 0, 3 * PAGE));
	TRUTH(all_are(in_core(half + 3 * PAGE), 'h', 1));
	TRUTH(all_are(in_core(half + 60 * PAGE), 'H', 1));
	say("  %s, %s, %s, %s", (char *)in_core(read_only), (char *)in_core(forbidden),
	    (char *)in_core(shared), (char *)in_core(dodump));
	TRUTH(in_core(nodump) == NULL);
	TRUTH(strcmp(in_core(file_written + PAGE), "written") == 0);
	TRUTH(all_are(in_core(file_written), 'f', PAGE));
	TRUTH(all_are(in_core(file_written + 2 * PAGE), 'f', 2 * PAGE));
}

static void say_header(void)
{
	const Elf64_Ehdr *eh = core.eh;
	uint64_t at = core.ph[0].p_offset + core.ph[0].p_filesz;
	bool in_order = true;

	say("  type %d, machine %d, phoff %d, sections %d", eh->e_type, eh->e_machine,
	    (int)eh->e_phoff, eh->e_shnum);
	TRUTH(core.ph[0].p_type == PT_NOTE);
	TRUTH(core.ph[0].p_offset == eh->e_phoff + eh->e_phnum * sizeof(Elf64_Phdr));
	at = (at + PAGE - 1) & -PAGE;
	for (int i = 1; i < eh->e_phnum; i++) {
		in_order &= core.ph[i].p_type == PT_LOAD && core.ph[i].p_offset == at;
		at += core.ph[i].p_filesz;
	}
	TRUTH(in_order);
	TRUTH(at == core.size);
}

static void say_process(void)
{
	size_t size;
	struct elf_prpsinfo *ps = note(NT_PRPSINFO, 0, &size);
	struct elf_prstatus *st = note(NT_PRSTATUS, 0, &size);
	siginfo_t *info = note(NT_SIGINFO, 0, &size);
	uint64_t *files = note(NT_FILE, 0, &size);
	Elf64_auxv_t *aux = note(NT_AUXV, 0, &size);
	const char *last = size ? (char *)aux + size : NULL;
	struct user_regs_struct *regs = (struct user_regs_struct *)&st->pr_reg;
	bool has_data = false;

	TRUTH(ps->pr_pid == dumped && st->pr_pid == dumped);
	TRUTH(ps->pr_ppid == getpid() && st->pr_ppid == getpid());
	TRUTH(ps->pr_pgrp == getpgrp() && ps->pr_sid == getsid(0));
	TRUTH(st->pr_pgrp == getpgrp() && st->pr_sid == getsid(0));
	say("  name '%s', state %d %c, uid %d, gid %d, nice %d", ps->pr_fname, ps->pr_state,
	    ps->pr_sname, ps->pr_uid, ps->pr_gid, ps->pr_nice);
	TRUTH(strstr(ps->pr_psargs, "coredump") != NULL);
	say("  %s, %s, fpvalid %d", signal_name(st->pr_cursig), signal_name(st->pr_info.si_signo),
	    st->pr_fpvalid);
	say("  %s, code %d, errno %d", signal_name(info->si_signo), info->si_code, info->si_errno);
	TRUTH(info->si_pid == dumped);
	TRUTH(in_core((void *)regs->rsp) != NULL && segment_of((void *)regs->rip) != NULL);
	say("  cs %lx, ss %lx, orig_rax %s", (unsigned long)regs->cs, (unsigned long)regs->ss,
	    regs->orig_rax == SYS_tgkill  ? "tgkill"
	    : regs->orig_rax == SYS_tkill ? "tkill"
					  : "another");
	TRUTH(aux[0].a_type != AT_NULL && ((Elf64_auxv_t *)last)[-1].a_type == AT_NULL);
	files = note(NT_FILE, 0, &size);
	say("  file page size %d", (int)files[1]);
	for (uint64_t i = 0; i < files[0]; i++)
		has_data |= files[2 + 3 * i] == (uint64_t)file && files[4 + 3 * i] == 0;
	TRUTH(has_data);
}

static void contents(void)
{
	say("-- contents");
	make_memory();
	if (!dump("abort", abort_with_title, RLIM_INFINITY) || !read_core())
		return;
	say_header();
	say_notes();
	say_process();
	say_memory();
	say_contents();
	drop_core();
}

/* ---- coredump_filter ---- */

static unsigned int filter_of(const char *path)
{
	char text[32] = "";
	int fd = open(path, O_RDONLY);

	if (read(fd, text, sizeof(text) - 1) < 0)
		say("filter: %s", error_name(errno));
	close(fd);
	return strtoul(text, NULL, 16);
}

static ssize_t set_filter(const char *text)
{
	int fd = open("/proc/self/coredump_filter", O_WRONLY), err;
	ssize_t n = write(fd, text, strlen(text));

	err = errno;
	close(fd);
	errno = err;
	return n;
}

static const char *wanted_filter;

static void filter_and_abort(void)
{
	set_filter(wanted_filter);
	abort();
}

static void say_inherited(void)
{
	say("in a child: %x", filter_of("/proc/self/coredump_filter"));
}

static void filters(void)
{
	static const char *const filters[] = {"0", "1", "2", "4", "8", "0x10"};

	say("-- filter");
	say("%x", filter_of("/proc/self/coredump_filter"));
	RESULT(set_filter("0xffffffff"));
	say("%x", filter_of("/proc/self/coredump_filter"));
	RESULT(set_filter("x"));
	RESULT(set_filter("0x100000000"));
	RESULT(set_filter("7\n"));
	in_child("fork", say_inherited);
	RESULT(set_filter("0x33"));
	for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
		wanted_filter = filters[i];
		if (dump(filters[i], filter_and_abort, RLIM_INFINITY) && read_core()) {
			say_memory();
			drop_core();
		}
	}
}

/* ---- limits and sizes ---- */

#define BIG (256UL << 20)

static void big_and_abort(void)
{
	char *at = map(BIG / PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);

	memset(at + BIG / 2, 'x', 1 << 20);
	abort();
}

static void sizes(void)
{
	say("-- sizes");
	if (dump("256 MiB, 1 MiB touched", big_and_abort, RLIM_INFINITY) && read_core()) {
		TRUTH(core.size > BIG);
		TRUTH(core.blocks * 512 > 1 << 20);
		TRUTH(core.blocks * 512 < 4 << 20);
		drop_core();
	}
	if (dump("the same, limited to 64 KiB", big_and_abort, 65536) && read_core()) {
		TRUTH(core.blocks * 512 <= 65536);
		drop_core();
	}
	if (dump("to 4 KiB", abort_it, 4096) && read_core()) {
		TRUTH(core.size <= 4096);
		drop_core();
	}
}

static void limited_and_abort(void)
{
	struct rlimit limit = {8192, 8192};

	setrlimit(RLIMIT_FSIZE, &limit);
	abort();
}

static void file_limit(void)
{
	if (dump("RLIMIT_FSIZE", limited_and_abort, RLIM_INFINITY) && read_core()) {
		TRUTH(core.size <= 8192);
		drop_core();
	}
}

/* ---- threads ---- */

#define THREADS 5

static pthread_barrier_t barrier;
static volatile double sum;

static void *spin(void *arg)
{
	pthread_barrier_wait(&barrier);
	for (;;)
		sum += (double)(long)arg;
	return NULL;
}

static void *block(void *arg)
{
	pthread_barrier_wait(&barrier);
	for (;;)
		pause();
	return arg;
}

static void *die(void *arg)
{
	pthread_barrier_wait(&barrier);
	*(volatile int *)arg = 1;
	return NULL;
}

static void threads_die(void)
{
	pthread_t t;

	pthread_barrier_init(&barrier, NULL, THREADS);
	pthread_create(&t, NULL, spin, (void *)1);
	pthread_create(&t, NULL, spin, (void *)2);
	pthread_create(&t, NULL, block, NULL);
	pthread_create(&t, NULL, die, (void *)16);
	block(NULL);
}

static void threads(void)
{
	int others = 0;
	size_t size;

	say("-- threads");
	if (!dump("a thread faults", threads_die, RLIM_INFINITY) || !read_core())
		return;
	say_notes();
	siginfo_t *info = note(NT_SIGINFO, 0, &size);
	say("  %s at %p, code %d", signal_name(info->si_signo), info->si_addr, info->si_code);
	for (int i = 0; i < THREADS; i++) {
		struct elf_prstatus *st = note(NT_PRSTATUS, i, &size);
		struct user_regs_struct *regs = (struct user_regs_struct *)&st->pr_reg;

		if (i == 0)
			TRUTH(st->pr_pid != dumped);
		others += st->pr_pid == dumped;
		if (!in_core((void *)regs->rsp) || !segment_of((void *)regs->rip))
			say("thread %d: bad registers", i);
	}
	say("  the leader is there: %d", others);
	TRUTH(note(NT_PRSTATUS, THREADS, &size) == NULL);
	drop_core();
}

/* A child that shares the memory is no part of the dump, and goes on. */
static void share_and_abort(void)
{
	pid_t pid = vfork();

	if (pid == 0)
		abort();
	_exit(7);
}

static void sharers(void)
{
	say("-- sharers");
	dump("a vfork child aborts", share_and_abort, RLIM_INFINITY);
	if (read_core())
		drop_core();
}

/* ---- many areas ---- */

static void many_and_abort(void)
{
	char *at = map(6000, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1);

	for (int i = 0; i < 6000; i += 2)
		mprotect(at + i * PAGE, PAGE, PROT_READ | PROT_WRITE);
	for (int i = 0; i < 6000; i += 100)
		at[i * PAGE] = (char)(i / 100);
	written = at;
	abort();
}

static void many(void)
{
	say("-- many areas");
	if (dump("6000 areas", many_and_abort, RLIM_INFINITY) && read_core()) {
		TRUTH(core.eh->e_phnum > 6000);
		say_header();
		drop_core();
	}
}

int main(void)
{
	snprintf(folder, sizeof(folder), "/tmp/coredump.%d", getpid());
	if (mkdir(folder, 0755) || chdir(folder))
		say("no folder: %s", error_name(errno));
	signals();
	refusals();
	existing();
	contents();
	filters();
	sizes();
	file_limit();
	threads();
	sharers();
	many();
	unlink("data");
	WHETHER(rmdir(folder));
	return 0;
}
