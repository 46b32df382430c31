/* The numbers and structures of ptrace(2). */
#pragma once

#include "arch/x86_64/arch.h"

/* The header has a struct of this name too, with programs' names for the same registers. */
#define pt_regs uapi_pt_regs
#include <linux/ptrace.h>
#undef pt_regs
