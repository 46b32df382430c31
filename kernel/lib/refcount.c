/* Panics for a count that was dropped once too often. */
#include "kernel/lib/atomic.h"
#include "kernel/lib/log.h"

void refcount_underflow(const void *where)
{
	panic("reference count at %p dropped below zero, from %pS\n", where,
	      __builtin_return_address(0));
}
