/* rseq(2) with an area that is taken away, protected or written by another process. */
#include "attack.h"

#include "rseq.h"

static volatile int *seen; /* shared with the process that tries */

static struct area *map_area(int prot, int flags, int fd)
{
	void *at = mmap(NULL, 8192, prot, flags, fd, 0);

	MUST(at == MAP_FAILED ? -1 : 0);
	return at;
}

static struct area *private_area(void)
{
	return map_area(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
}

static void spin(void)
{
	for (;;)
		;
}

static void protected(void)
{
	struct area *area = private_area();

	MUST(begin(area));
	MUST(mprotect(area, 4096, PROT_NONE));
	spin();
}

static void unmapped(void)
{
	struct area *area = private_area();

	MUST(begin(area));
	MUST(munmap(area, 4096));
	spin();
}

static void moved(void)
{
	struct area *area = private_area();

	MUST(begin(area));
	MUST(mremap(area, 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, (char *)area + 4096) ==
			     MAP_FAILED
		     ? -1
		     : 0);
	spin();
}

/* A mapping of a file that has become shorter. */
static void cut_short(void)
{
	int fd = memfd_create("area", 0);
	struct area *area;

	MUST(ftruncate(fd, 4096));
	area = map_area(PROT_READ | PROT_WRITE, MAP_SHARED, fd);
	MUST(begin(area));
	MUST(ftruncate(fd, 0));
	spin();
}

static void across_the_end(void)
{
	struct area *area = (struct area *)((char *)private_area() + 4096 - 32);

	MUST(munmap((char *)area + 32, 4096));
	MUST(begin(area));
	for (int i = 0; i < 50; i++)
		sleep_ms(1);
	say("across the end: as it should be");
}

static void kernel_area(void)
{
	static const uint64_t areas[] = {0xffff800000000000, 0xffff888000000000, 0xffffc90000000000,
					 0xffffffff80000000, 0xffffffff80100000, 0xffffffffffffffe0,
					 0x800000000000,     0x7fffffffffe0};

	for (size_t i = 0; i < sizeof(areas) / sizeof(areas[0]); i++)
		RESULT(rseq((void *)areas[i], 32, 0, SIG));
}

/* The address of a section, and the addresses in it, lead into the kernel. */
static void kernel_section(void)
{
	struct area *area = private_area();

	MUST(begin(area));
	area->section = 0xffffffff80100000;
	spin();
}

static void kernel_handler(void)
{
	struct area *area = private_area();
	struct rseq_cs *cs = (struct rseq_cs *)((char *)area + 4096);

	MUST(begin(area));
	*cs = (struct rseq_cs){.post_commit_offset = 0x7fff00000000,
			       .abort_ip = 0xffffffff80100004};
	area->section = (uint64_t)cs;
	spin();
}

/* ---- another process, on another CPU if there is one, writes into the area ---- */

static uint64_t hostile(unsigned int i, struct area *area)
{
	const uint64_t values[] = {0,
				   8,
				   (uint64_t)area,
				   (uint64_t)area + 64,
				   (uint64_t)area + 4096 - 8,
				   (uint64_t)area + 8192 - 16,
				   0x7fffffffefff,
				   0x800000000000,
				   0xffffffff80100000,
				   0xffff888000001000,
				   (uint64_t)spin,
				   (uint64_t)-1};

	return values[i % (sizeof(values) / sizeof(values[0]))];
}

static void scribble(struct area *area, pid_t at)
{
	volatile uint64_t *words = (volatile uint64_t *)area;

	for (unsigned int i = 0; waitpid(at, NULL, WNOHANG) == 0; i++) {
		area->section = hostile(i / 7, area);
		for (int w = 8; w < 12; w++) /* a section, 64 bytes on */
			words[w] = hostile(i * 5 + (unsigned int)w * 3, area);
		if (i == 100000000)
			kill(at, SIGKILL);
	}
}

/* Whatever becomes of the process whose area it is, it must not be harmful for others. */
static void shared(void)
{
	int fd = memfd_create("area", 0);
	struct area *area;

	MUST(ftruncate(fd, 8192));
	area = map_area(PROT_READ | PROT_WRITE, MAP_SHARED, fd);
	for (int i = 0; i < 40; i++) {
		pid_t pid = must_fork();

		if (pid == 0) {
			pin(0);
			area->section = 0;
			if (begin(area) == 0)
				seen[0]++;
			for (int n = 0; n < 20; n++)
				sleep_ms(1);
			_exit(0);
		}
		pin(1);
		scribble(area, pid);
	}
	TRUTH(seen[0] > 0);
}

/* ---- threads whose areas come and go while they are disturbed ---- */

static int come_and_go(void *arg)
{
	char *at = arg;

	for (int i = 0; i < 3000; i++) {
		(void)mmap(at, 4096, i % 3 ? PROT_READ | PROT_WRITE : PROT_NONE,
			   MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (i % 5 == 0)
			(void)munmap(at, 4096);
		sched_yield();
	}
	_exit(0); /* all threads */
	return 0;
}

static void swept_away(void)
{
	struct area *area = private_area();

	if (clone(come_and_go, (char *)private_area() + 8192,
		  CLONE_VM | CLONE_SIGHAND | CLONE_THREAD | CLONE_FILES, area) < 0)
		_exit(3);
	for (;;) {
		(void)begin(area);
		sched_yield();
		(void)rseq(area, 32, RSEQ_FLAG_UNREGISTER, SIG);
	}
}

static void sweep(void)
{
	int status, other = 0;

	for (int i = 0; i < 20; i++) {
		pid_t pid = must_fork();

		if (pid == 0)
			swept_away();
		(void)waitpid(pid, &status, 0);
		if (!WIFEXITED(status) && !(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV))
			other++;
	}
	say("ended otherwise than by exit or SIGSEGV: %d", other);
}

static void user_side(void)
{
	TRUTH(drop_own());
	kernel_area();
	pin(0);
	in_disturbed_child("protected", protected);
	in_disturbed_child("unmapped", unmapped);
	in_disturbed_child("moved", moved);
	in_disturbed_child("cut short", cut_short);
	in_disturbed_child("across the end", across_the_end);
	in_disturbed_child("a section in the kernel", kernel_section);
	in_disturbed_child("a handler in the kernel", kernel_handler);
	shared();
	sweep();
}

int main(void)
{
	seen = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	MUST(seen == MAP_FAILED ? -1 : 0);
	as_user("user", user_side);
	return 0;
}
