/* Names of errors, for people. */
#include "kernel/lib/errno.h"

#include "kernel/lib/types.h"
#include "kernel/lib/uapi.h"

#define N(x) [x] = #x

static const char *const errors[] = {
	N(EPERM),     N(ENOENT),  N(ESRCH),     N(EINTR),      N(EIO),          N(ENXIO),
	N(E2BIG),     N(ENOEXEC), N(EBADF),     N(ECHILD),     N(EAGAIN),       N(ENOMEM),
	N(EACCES),    N(EFAULT),  N(EBUSY),     N(EEXIST),     N(EXDEV),        N(ENODEV),
	N(ENOTDIR),   N(EISDIR),  N(EINVAL),    N(ENFILE),     N(EMFILE),       N(ENOTTY),
	N(ETXTBSY),   N(EFBIG),   N(ENOSPC),    N(ESPIPE),     N(EROFS),        N(EMLINK),
	N(EPIPE),     N(EDOM),    N(ERANGE),    N(EDEADLK),    N(ENAMETOOLONG), N(ENOSYS),
	N(ENOTEMPTY), N(ELOOP),   N(EOVERFLOW), N(EOPNOTSUPP), N(ETIMEDOUT),
};

const char *errno_name(long error)
{
	if (error > 0 && error < (long)ARRAY_SIZE(errors) && errors[error])
		return errors[error];
	return "unknown error";
}
