#pragma once

/* Name a positive error number: "ENOENT". */
const char *errno_name(long error);
