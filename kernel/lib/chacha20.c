/* ChaCha20: RFC 8439, 2.3. */
#include "kernel/lib/chacha20.h"

static u32 rotate(u32 x, int n)
{
	return x << n | x >> (32 - n);
}

static void quarter_round(u32 *a, u32 *b, u32 *c, u32 *d)
{
	*a += *b;
	*d = rotate(*d ^ *a, 16);
	*c += *d;
	*b = rotate(*b ^ *c, 12);
	*a += *b;
	*d = rotate(*d ^ *a, 8);
	*c += *d;
	*b = rotate(*b ^ *c, 7);
}

void chacha20_block(const u32 key[CHACHA_KEY_WORDS], u32 counter, const u32 nonce[3], u32 out[16])
{
	u32 start[16] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574}, x[16];

	for (int i = 0; i < CHACHA_KEY_WORDS; i++)
		start[4 + i] = key[i];
	start[12] = counter;
	for (int i = 0; i < 3; i++)
		start[13 + i] = nonce[i];
	for (int i = 0; i < 16; i++)
		x[i] = start[i];
	for (int round = 0; round < 10; round++) {
		for (int i = 0; i < 4; i++) /* columns */
			quarter_round(&x[i], &x[4 + i], &x[8 + i], &x[12 + i]);
		for (int i = 0; i < 4; i++) /* diagonals */
			quarter_round(&x[i], &x[4 + (i + 1) % 4], &x[8 + (i + 2) % 4],
				      &x[12 + (i + 3) % 4]);
	}
	for (int i = 0; i < 16; i++)
		out[i] = x[i] + start[i];
}
