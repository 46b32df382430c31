/* Suite "backtrace": the caller is found at every instruction of a function, even at the first
 * ones, before the function has a frame of its own. */
#include "arch/x86_64/arch.h"
#include "kernel/debug/debug.h"
#include "kernel/lib/log.h"
#include "kernel/lib/string.h"
#include "tests/kernel/ktest.h"

static char told[1024];
static size_t length;

static void tell(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	length += vsnprintf(told + length, sizeof(told) - length, fmt, args);
	va_end(args);
}

/* Does a backtrace from `rip`, with this stack, name `caller`? */
static bool finds(u64 rip, u64 *stack, const void *caller)
{
	struct pt_regs regs = {.rip = rip, .rsp = (u64)stack, .cs = 0x08};
	char name[80];

	length = 0;
	arch_backtrace(&regs, tell);
	return strstr(told, symbol_name((u64)caller, name, sizeof(name))) != NULL;
}

KTEST(backtrace, caller_of_a_function_that_begins)
{
	const u8 *callee = (const u8 *)symbol_name;
	const u8 *caller = (const u8 *)snprintf + 8;
	u64 stack[2] = {0, 0};

	EXPECT_EQ(callee[0], 0x55); /* push rbp: each function begins with it */
	stack[0] = (u64)caller + 1; /* the return address: just behind the call */
	EXPECT(finds((u64)callee, stack, caller));
	stack[0] = 0; /* rbp, saved */
	stack[1] = (u64)caller + 1;
	EXPECT(finds((u64)callee + 1, stack, caller));
	EXPECT(!finds((u64)callee + 40, stack, caller)); /* there rbp leads to the caller */
}
