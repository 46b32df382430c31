/* The kernel log, panics and formatted output. */
#pragma once

#include <stdarg.h>
#include "kernel/lib/types.h"

/* printf(3)'s subset: flags - + space 0 #, width, precision, hh h l ll z, d i u x X o c s p %, and
 * %pS for "symbol+offset". Returns the length the whole text would have. */
int snprintf(char *buf, size_t size, const char *fmt, ...) __printf(3, 4);
int vsnprintf(char *buf, size_t size, const char *fmt, va_list ap);
/* As snprintf, but returns what was really written. */
int scnprintf(char *buf, size_t size, const char *fmt, ...) __printf(3, 4);
/* "name+0x12" of a kernel text address, or "0xffff…" without symbols. */
const char *symbol_name(u64 addr, char *buf, size_t n);

/* One line of the kernel log, with a time stamp: kept in the ring buffer (dmesg) and, unless booted
 * with `quiet`, shown on the console. Any context. The text ends with \n. */
void pr_info(const char *fmt, ...) __printf(1, 2);
void pr_warn(const char *fmt, ...) __printf(1, 2);
void pr_err(const char *fmt, ...) __printf(1, 2);

/* Formatted output to the console alone (shell, test results). If the caller may sleep, waits up to
 * ten seconds for a terminal that does not read. */
void console_printf(const char *fmt, ...) __printf(1, 2);
/* The terminal's part: sleeps until the terminal takes more. NULL: there is no terminal yet. */
extern void (*console_wait_for_room)(void);

void panic(const char *fmt, ...) __noreturn __printf(1, 2);
struct pt_regs;
/* As panic(), for a trap: registers and backtrace are those of `regs`. */
void panic_regs(const struct pt_regs *regs, const char *fmt, ...) __noreturn __printf(2, 3);

#define BUG_ON(cond)                                                            \
	do {                                                                    \
		if (unlikely(cond))                                             \
			panic("BUG: %s at %s:%d\n", #cond, __FILE__, __LINE__); \
	} while (0)

#define DEBUG_ON(cond)                \
	do {                          \
		if (DEBUG_CHECKS)     \
			BUG_ON(cond); \
	} while (0)
