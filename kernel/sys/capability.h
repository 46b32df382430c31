/* The capability sets of a process: capabilities(7). */
#pragma once

#include "kernel/lib/uapi.h"

struct cred;

#define CAP_ALL ((1UL << (CAP_LAST_CAP + 1)) - 1)

u64 cred_permitted(const struct cred *c);
u64 cred_effective(const struct cred *c);
