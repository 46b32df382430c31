/*
 * Not a program: tools/bident/compilers.py compiles this by each compiler with the kernel's flags
 * and checks the assembly. For each kind of variable, a loop must load it in each round, two reads
 * must be two loads, and two writes two stores.
 */
#include "kernel/lib/atomic.h"
#include "kernel/lib/types.h"

enum kind {
	FIRST,
	SECOND
};
enum __packed small_kind {
	SMALL_FIRST,
	SMALL_SECOND
};

#define SUBJECT(name, type, read, write)  \
	extern type subject_##name;       \
	void loop_##name(void);           \
	int twice_##name(void);           \
	void store_##name(type v);        \
                                          \
	void loop_##name(void)            \
	{                                 \
		while (!(read))           \
			;                 \
	}                                 \
	int twice_##name(void)            \
	{                                 \
		int n = (read) != 0;      \
                                          \
		return n + ((read) != 0); \
	}                                 \
	void store_##name(type v)         \
	{                                 \
		write;                    \
		write;                    \
	}
#define ONCE(name, type) \
	SUBJECT(name, type, READ_ONCE(subject_##name), WRITE_ONCE(subject_##name, v))
#define VOLATILE(name, type) SUBJECT(name, type volatile, subject_##name, subject_##name = v)
#define ATOMIC(name, type)                                                      \
	SUBJECT(name, type, __atomic_load_n(&subject_##name, __ATOMIC_ACQUIRE), \
		__atomic_store_n(&subject_##name, v, __ATOMIC_RELEASE))
#define EACH_WAY(name, type) \
	ONCE(name, type)     \
	VOLATILE(v##name, type) ATOMIC(a##name, type)

EACH_WAY(flag, bool)
EACH_WAY(enum, enum kind)
EACH_WAY(small_enum, enum small_kind)
EACH_WAY(s8, signed char)
EACH_WAY(u8, u8)
EACH_WAY(s16, short)
EACH_WAY(u16, u16)
EACH_WAY(s32, int)
EACH_WAY(u32, u32)
EACH_WAY(s64, long)
EACH_WAY(u64, u64)
EACH_WAY(pointer, void *)
SUBJECT(counter, atomic_t, atomic_read(&subject_counter), atomic_set(&subject_counter, v.v))
SUBJECT(count, refcount_t, refcount_read(&subject_count), refcount_set(&subject_count, v.n))
