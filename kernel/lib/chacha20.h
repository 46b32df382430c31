/* The ChaCha20 block function: RFC 8439. Pure: compiles on the host. */
#pragma once

#include "kernel/lib/types.h"

#define CHACHA_KEY_WORDS   8
#define CHACHA_BLOCK_BYTES 64

/* One block of the key's stream, number `counter`. */
void chacha20_block(const u32 key[CHACHA_KEY_WORDS], u32 counter, const u32 nonce[3], u32 out[16]);
