/* Names of errors, for people. */
#include "kernel/lib/errno.h"

#include "kernel/lib/types.h"
#include "kernel/lib/uapi.h"

/* From the UAPI headers: tools/uapi-links. */
static const char *const errors[] = {
#include <errno_names.inc>
};

const char *errno_name(long error)
{
	if (error > 0 && error < (long)ARRAY_SIZE(errors) && errors[error])
		return errors[error];
	return "unknown error";
}
