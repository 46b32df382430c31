/* The block function against the examples of RFC 8439. */
// sources: kernel/lib/chacha20.c
#include "kernel/lib/chacha20.h"
#include "tests/unit/host.h"

/* 2.3.2 */
TEST(example_of_the_block_function)
{
	static const u32 expected[16] = {
		0xe4e7f110, 0x15593bd1, 0x1fdd0f50, 0xc47120a3, 0xc7f4d1c7, 0x0368c033,
		0x9aaa2204, 0x4e6cd4c3, 0x466482d2, 0x09aa9f07, 0x05d7c214, 0xa2028bd9,
		0xd19c12b5, 0xb94e16de, 0xe883d0cb, 0x4e3c50a2,
	};
	static const u32 nonce[3] = {0x09000000, 0x4a000000, 0};
	u32 key[8], out[16];

	for (u32 i = 0; i < 8; i++)
		key[i] = (4 * i + 3) << 24 | (4 * i + 2) << 16 | (4 * i + 1) << 8 | 4 * i;
	chacha20_block(key, 1, nonce, out);
	for (int i = 0; i < 16; i++)
		CHECK_EQ(out[i], expected[i]);
}

/* A.1, test vector 1: its first bytes are 76 b8 e0 ad */
TEST(key_of_zeroes)
{
	static const u32 zeroes[8];
	u32 out[16];

	chacha20_block(zeroes, 0, zeroes, out);
	CHECK_EQ(out[0], 0xade0b876u);
	CHECK_EQ(out[15], 0x8665eeb2u);
}

TEST_MAIN
