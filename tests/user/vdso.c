/* vdso(7): found by AT_SYSINFO_EHDR, its functions agree with the system calls. */
#include "check.h"

#include <elf.h>
#include <sys/auxv.h>
#include <sys/time.h>

static const Elf64_Ehdr *eh;
static const Elf64_Sym *symbols;
static const char *strings;
static uint32_t nr_symbols;
static uintptr_t bias;

static bool find_tables(void)
{
	const Elf64_Phdr *ph = (const void *)((const char *)eh + eh->e_phoff);
	const Elf64_Dyn *dyn = NULL;

	bias = (uintptr_t)eh;
	for (int i = 0; i < eh->e_phnum; i++) {
		if (ph[i].p_type == PT_LOAD)
			bias = (uintptr_t)eh + ph[i].p_offset - ph[i].p_vaddr;
		else if (ph[i].p_type == PT_DYNAMIC)
			dyn = (const void *)((const char *)eh + ph[i].p_offset);
	}
	for (; dyn && dyn->d_tag != DT_NULL; dyn++) {
		if (dyn->d_tag == DT_STRTAB)
			strings = (const char *)(bias + dyn->d_un.d_ptr);
		else if (dyn->d_tag == DT_SYMTAB)
			symbols = (const void *)(bias + dyn->d_un.d_ptr);
		else if (dyn->d_tag == DT_HASH)
			nr_symbols = ((const uint32_t *)(bias + dyn->d_un.d_ptr))[1];
	}
	/* the newest Linux has only the GNU hash: the strings follow the symbols */
	if (!nr_symbols && symbols)
		nr_symbols = ((uintptr_t)strings - (uintptr_t)symbols) / sizeof(*symbols);
	return symbols && strings;
}

static void *find(const char *name)
{
	for (uint32_t i = 0; i < nr_symbols; i++)
		if (symbols[i].st_shndx && strcmp(strings + symbols[i].st_name, name) == 0)
			return (void *)(bias + symbols[i].st_value);
	say("no %s", name);
	_exit(1);
}

static int64_t ns(const struct timespec *ts)
{
	return ts->tv_sec * 1000000000L + ts->tv_nsec;
}

static int (*vdso_gettime)(clockid_t, struct timespec *);
static int (*vdso_getres)(clockid_t, struct timespec *);
static int (*vdso_gettimeofday)(struct timeval *, struct timezone *);
static long (*vdso_time)(time_t *);
static long (*vdso_getcpu)(unsigned *, unsigned *, void *);

/* Between two readings by system call, again and again. */
static void check_clock(const char *name, clockid_t clock)
{
	bool ok = true;

	for (int i = 0; i < 1000; i++) {
		struct timespec before, between, after;
		syscall(SYS_clock_gettime, clock, &before);
		if (vdso_gettime(clock, &between) != 0)
			ok = false;
		syscall(SYS_clock_gettime, clock, &after);
		ok &= ns(&before) <= ns(&between) && ns(&between) <= ns(&after);
		ok &= between.tv_nsec >= 0 && between.tv_nsec < 1000000000;
	}
	say("%s: %s", name, ok ? "agrees" : "DISAGREES");
}

static void check_clocks(void)
{
	check_clock("CLOCK_REALTIME", CLOCK_REALTIME);
	check_clock("CLOCK_MONOTONIC", CLOCK_MONOTONIC);
	check_clock("CLOCK_MONOTONIC_RAW", CLOCK_MONOTONIC_RAW);
	check_clock("CLOCK_BOOTTIME", CLOCK_BOOTTIME);
	check_clock("CLOCK_REALTIME_COARSE", CLOCK_REALTIME_COARSE);
	check_clock("CLOCK_MONOTONIC_COARSE", CLOCK_MONOTONIC_COARSE);
	check_clock("CLOCK_PROCESS_CPUTIME_ID", CLOCK_PROCESS_CPUTIME_ID);
}

static void check_others(void)
{
	struct timespec ts, res[2];
	struct timeval tv, before, after;
	struct timezone tz = {7, 7};
	unsigned cpu = 99, node = 99;
	time_t t = 0;

	say("no such clock: %d", vdso_gettime(77, &ts));
	TRUTH(vdso_getres(CLOCK_MONOTONIC, &res[0]) == 0);
	syscall(SYS_clock_getres, CLOCK_MONOTONIC, &res[1]);
	TRUTH(ns(&res[0]) == ns(&res[1]));
	syscall(SYS_gettimeofday, &before, NULL);
	TRUTH(vdso_gettimeofday(&tv, &tz) == 0);
	syscall(SYS_gettimeofday, &after, NULL);
	TRUTH(!timercmp(&tv, &before, <) && !timercmp(&tv, &after, >));
	say("time zone %d %d", tz.tz_minuteswest, tz.tz_dsttime);
	TRUTH(vdso_gettimeofday(NULL, NULL) == 0);
	TRUTH(vdso_time(&t) == t && t >= before.tv_sec - 1 && t <= after.tv_sec + 1);
	TRUTH(vdso_time(NULL) >= t);

	cpu_set_t one;
	bool ok = true;
	for (int i = 0; i < 2; i++) {
		CPU_ZERO(&one);
		CPU_SET(i, &one);
		if (sched_setaffinity(0, sizeof(one), &one) != 0)
			continue; /* there is no second one */
		ok &= vdso_getcpu(&cpu, &node, NULL) == 0 && (int)cpu == i && node == 0;
	}
	say("getcpu: %s", ok ? "agrees" : "DISAGREES");
	TRUTH(vdso_getcpu(NULL, NULL, NULL) == 0);
}

static void check_maps(void)
{
	FILE *f = fopen("/proc/self/maps", "r");
	char line[256], rights[8];
	unsigned long start, end;

	while (f && fgets(line, sizeof(line), f)) {
		sscanf(line, "%lx-%lx %7s", &start, &end, rights);
		if (strstr(line, "[vdso]\n"))
			say("[vdso] %s, the header at its start: %d", rights,
			    (const void *)start == eh);
		else if (strstr(line, "[vvar]\n"))
			say("[vvar] %s", rights);
	}
	fclose(f);
}

static void write_to_it(void)
{
	*(volatile char *)eh = 1;
}

int main(void)
{
	eh = (const void *)getauxval(AT_SYSINFO_EHDR);
	if (!eh || memcmp(eh->e_ident, ELFMAG, SELFMAG) != 0 || !find_tables()) {
		say("no vDSO");
		return 1;
	}
	say("type %d, machine %d", eh->e_type, eh->e_machine);
	vdso_gettime = find("__vdso_clock_gettime");
	vdso_getres = find("__vdso_clock_getres");
	vdso_gettimeofday = find("__vdso_gettimeofday");
	vdso_time = find("__vdso_time");
	vdso_getcpu = find("__vdso_getcpu");
	check_clocks();
	in_child("in a child", check_clocks);
	check_others();
	check_maps();
	in_child("writing", write_to_it);
	return 0;
}
