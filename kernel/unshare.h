/* Leaving what clone(2) shared. */
#pragma once

struct files;

/* current gets a table of descriptors of its own, if it shares one. 0 or -ENOMEM. */
int unshare_files(void);
/* current uses `own`, whose reference it takes over, and lets go of its table until now. */
void replace_files(struct files *own);
