/* What uname(2) tells. */
#pragma once

#include "kernel/lib/uapi.h"

void utsname_get(struct new_utsname *out);
/* Set the field at this offset, nodename or domainname, to n bytes. 0, -EPERM; -EINVAL: too long.
 */
int utsname_set(size_t field, const char *text, size_t n);
