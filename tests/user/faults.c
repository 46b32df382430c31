/* What the CPU refuses, and how the process ends. The stack that grows is here too. */
#include "check.h"

#define PAGE 4096UL

static void null_read(void)
{
	*(volatile int *)8;
}
static void null_write(void)
{
	*(volatile int *)8 = 1;
}
static void kernel_read(void)
{
	*(volatile int *)0xffffffff80000000UL;
}
static void kernel_write(void)
{
	*(volatile int *)0xffff888000000000UL = 1;
}
static void non_canonical(void)
{
	*(volatile int *)0x0000800000000000UL;
}
static void far_non_canonical(void)
{
	*(volatile int *)0x1234567812345678UL;
}
static void write_text(void)
{
	*(volatile char *)(uintptr_t)write_text = 0;
}
static const int constant_data = 5;
static void write_constant(void)
{
	*(volatile int *)(uintptr_t)&constant_data = 1;
}
static void run_data(void)
{
	static unsigned char code[16] = {0xc3};
	((void (*)(void))(uintptr_t)code)();
}
static void run_stack(void)
{
	volatile unsigned char code[16];

	code[0] = 0xc3;
	((void (*)(void))(uintptr_t)code)();
}
static void run_null(void)
{
	((void (*)(void))0)();
}
static void run_kernel(void)
{
	((void (*)(void))0xffffffff80100000UL)();
}
static void run_non_canonical(void)
{
	__asm__ volatile("movabs $0x800000000000, %%rax; jmp *%%rax" ::: "rax");
}
static void undefined(void)
{
	__asm__ volatile("ud2");
}
static void breakpoint(void)
{
	__asm__ volatile("int3");
}
static void software_interrupt(void)
{
	__asm__ volatile("int $0x81");
}
static void divide(void)
{
	__asm__ volatile("xor %%edx, %%edx; mov $1, %%eax; xor %%ecx, %%ecx; div %%ecx" ::
				 : "rax", "rcx", "rdx");
}
static void divide_overflow(void)
{
	__asm__ volatile("mov $-1, %%edx; mov $1, %%eax; mov $1, %%ecx; div %%ecx" ::
				 : "rax", "rcx", "rdx");
}
static void halt(void)
{
	__asm__ volatile("hlt");
}
static void clear_interrupts(void)
{
	__asm__ volatile("cli");
}
static void read_control(void)
{
	__asm__ volatile("mov %%cr3, %%rax" ::: "rax");
}
static void port(void)
{
	__asm__ volatile("inb $0x60, %%al" ::: "rax");
}
static void model_register(void)
{
	__asm__ volatile("mov $0xc0000080, %%ecx; rdmsr" ::: "rax", "rcx", "rdx");
}
static void load_segment(void)
{
	__asm__ volatile("mov $0x50, %%ax; mov %%ax, %%ds" ::: "rax");
}
static void single_step(void)
{
	__asm__ volatile("pushf; orl $0x100, (%%rsp); popf; nop; nop" ::: "cc", "memory");
}
static void alignment_is_fine(void)
{
	char bytes[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9};

	_exit(*(volatile int *)(bytes + 1) == 0x05040302 ? 9 : 1);
}

static volatile int sink;
static __attribute__((noinline)) int deeper(int n)
{
	volatile char frame[1024];

	frame[0] = n;
	if (n == 0)
		return frame[0];
	int result = deeper(n - 1) + 1;
	sink = frame[0];
	return result;
}
static void deep_stack(void)
{
	_exit(deeper(2000) == 2000 ? 6 : 1); /* two megabytes */
}
static void endless_stack(void)
{
	sink = deeper(1 << 30);
}
static void far_below_stack(void)
{
	uintptr_t stack_pointer;

	__asm__("mov %%rsp, %0" : "=r"(stack_pointer));
	*(volatile char *)(stack_pointer - (1UL << 30)) = 1;
}
static void limited_stack(void)
{
	struct rlimit limit;

	getrlimit(RLIMIT_STACK, &limit);
	limit.rlim_cur = 1 << 20;
	setrlimit(RLIMIT_STACK, &limit);
	sink = deeper(4000);
}
/* A signal that is blocked or ignored kills all the same when the CPU itself raises it. */
static void blocked_fault(void)
{
	sigset_t set;

	sigfillset(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	null_read();
}
static void ignored_fault(void)
{
	signal(SIGSEGV, SIG_IGN);
	null_read();
}

#define CHECK(fn) in_child(#fn, fn)

int main(void)
{
	CHECK(null_read);
	CHECK(null_write);
	CHECK(kernel_read);
	CHECK(kernel_write);
	CHECK(non_canonical);
	CHECK(far_non_canonical);
	CHECK(write_text);
	CHECK(write_constant);
	CHECK(run_data);
	CHECK(run_stack);
	CHECK(run_null);
	CHECK(run_kernel);
	CHECK(run_non_canonical);
	CHECK(undefined);
	CHECK(breakpoint);
	CHECK(software_interrupt);
	CHECK(divide);
	CHECK(divide_overflow);
	CHECK(halt);
	CHECK(clear_interrupts);
	CHECK(read_control);
	CHECK(port);
	CHECK(model_register);
	CHECK(load_segment);
	CHECK(single_step);
	CHECK(alignment_is_fine);
	CHECK(deep_stack);
	CHECK(endless_stack);
	CHECK(far_below_stack);
	CHECK(limited_stack);
	CHECK(blocked_fault);
	CHECK(ignored_fault);
	say("still here");
	return 0;
}
