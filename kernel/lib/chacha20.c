/* ChaCha20: RFC 8439, 2.3. The sixteen words are variables, not an array, and each round is written
 * out, so that the compiler keeps them in registers. This halves the time of a block. */
#include "kernel/lib/chacha20.h"

static u32 rotate(u32 x, int n)
{
	return x << n | x >> (32 - n);
}

#define QUARTER_ROUND(a, b, c, d)            \
	do {                                 \
		(a) += (b);                  \
		(d) = rotate((d) ^ (a), 16); \
		(c) += (d);                  \
		(b) = rotate((b) ^ (c), 12); \
		(a) += (b);                  \
		(d) = rotate((d) ^ (a), 8);  \
		(c) += (d);                  \
		(b) = rotate((b) ^ (c), 7);  \
	} while (0)

static const u32 constants[4] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};

void chacha20_block(const u32 key[CHACHA_KEY_WORDS], u32 counter, const u32 nonce[3], u32 out[16])
{
	u32 x0 = constants[0], x1 = constants[1], x2 = constants[2], x3 = constants[3];
	u32 x4 = key[0], x5 = key[1], x6 = key[2], x7 = key[3];
	u32 x8 = key[4], x9 = key[5], x10 = key[6], x11 = key[7];
	u32 x12 = counter, x13 = nonce[0], x14 = nonce[1], x15 = nonce[2];

	for (int round = 0; round < 10; round++) {
		QUARTER_ROUND(x0, x4, x8, x12); /* columns */
		QUARTER_ROUND(x1, x5, x9, x13);
		QUARTER_ROUND(x2, x6, x10, x14);
		QUARTER_ROUND(x3, x7, x11, x15);
		QUARTER_ROUND(x0, x5, x10, x15); /* diagonals */
		QUARTER_ROUND(x1, x6, x11, x12);
		QUARTER_ROUND(x2, x7, x8, x13);
		QUARTER_ROUND(x3, x4, x9, x14);
	}
	out[0] = x0 + constants[0];
	out[1] = x1 + constants[1];
	out[2] = x2 + constants[2];
	out[3] = x3 + constants[3];
	out[12] = x12 + counter;
	out[13] = x13 + nonce[0];
	out[14] = x14 + nonce[1];
	out[15] = x15 + nonce[2];
	out[4] = x4 + key[0];
	out[5] = x5 + key[1];
	out[6] = x6 + key[2];
	out[7] = x7 + key[3];
	out[8] = x8 + key[4];
	out[9] = x9 + key[5];
	out[10] = x10 + key[6];
	out[11] = x11 + key[7];
}
