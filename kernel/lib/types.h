/* The vocabulary of every file: fixed-width integers, the kernel's id types and a few macros. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 1 in a build with -Ddebug_checks=true. Debug code always compiles: if (DEBUG_CHECKS) … */
#ifndef DEBUG_CHECKS
#define DEBUG_CHECKS 0
#endif

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;

/* As in the C library, so that a host test may include both: C11 allows repeated typedefs. */
typedef long ssize_t;
typedef int pid_t;
typedef u32 uid_t;
typedef u32 gid_t;
typedef u32 mode_t;
typedef s64 loff_t;
typedef u64 dev_t;
typedef u64 ino_t;
typedef int clockid_t;

typedef u64 phys_addr_t;

/* Marks a pointer into user space: never dereferenced, only handed to copy_{to,from}_user. */
#define __user

#define __packed           __attribute__((packed))
#define __aligned(n)       __attribute__((aligned(n)))
#define __noreturn         __attribute__((noreturn))
#define __printf(fmt, arg) __attribute__((format(printf, fmt, arg)))
#define __must_check       __attribute__((warn_unused_result))
/* A function that only puts its caller to sleep: /proc/PID/wchan names the caller. */
#define __sched        __attribute__((section(".sched.text")))
#define __maybe_unused __attribute__((unused))
#define noinline       __attribute__((noinline))
/* A function that tools find by its name: the compiler neither inlines nor clones it. */
#ifdef __clang__
#define landmark __attribute__((__noinline__))
#else
#define landmark __attribute__((__noinline__, __noclone__))
#endif
#define always_inline inline __attribute__((always_inline))
#define likely(x)     __builtin_expect(!!(x), 1)
#define unlikely(x)   __builtin_expect(!!(x), 0)

#define PAGE_SHIFT 12
#define PAGE_SIZE  (1UL << PAGE_SHIFT)
#define PAGE_MASK  (~(PAGE_SIZE - 1))

#define ARRAY_SIZE(a)              (sizeof(a) / sizeof((a)[0]))
#define ALIGN_UP(x, a)             (((x) + ((a)-1)) & ~((typeof(x))(a)-1))
#define ALIGN_DOWN(x, a)           ((x) & ~((typeof(x))(a)-1))
#define DIV_ROUND_UP(n, d)         (((n) + (d)-1) / (d))
#define container_of(ptr, type, m) ((type *)((char *)(ptr)-offsetof(type, m)))
/* Each argument is evaluated once; not for constant expressions. */
#define MIN(a, b)                     \
	({                            \
		__auto_type a_ = (a); \
		__auto_type b_ = (b); \
		a_ < b_ ? a_ : b_;    \
	})
#define MAX(a, b)                     \
	({                            \
		__auto_type a_ = (a); \
		__auto_type b_ = (b); \
		a_ > b_ ? a_ : b_;    \
	})

/* An error number carried in a pointer: the last page of the address space is never an object. */
#define MAX_ERRNO 4095
static inline void *ERR_PTR(long error)
{
	return (void *)error;
}
static inline long PTR_ERR(const void *ptr)
{
	return (long)ptr;
}
static inline bool IS_ERR(const void *ptr)
{
	return (unsigned long)ptr >= (unsigned long)-MAX_ERRNO;
}

/* A linker set: objects of one type, gathered by the linker from every file that registers one.
 * Entries are pointers, so that no padding rule of the compiler can come between them. */
#define LINKER_SET_ADD(set, obj)                      \
	static typeof(obj) *const __set_##set##_##obj \
		__attribute__((used, section("set_" #set))) = &(obj)
#define LINKER_SET_DECLARE(set, type)           \
	extern type *const __start_set_##set[]; \
	extern type *const __stop_set_##set[]
#define LINKER_SET_FOREACH(set, it) \
	for (typeof(&__start_set_##set[0]) it = __start_set_##set; it < __stop_set_##set; it++)
