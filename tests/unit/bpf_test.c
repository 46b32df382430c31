/* Classic BPF: what the checker refuses, and the interpreter against a second one, written from the
 * manual page alone. Random programs must end, and touch nothing but their own data. */
// sources: kernel/seccomp/bpf.c
#include "kernel/seccomp/bpf.h"
#include "tests/unit/host.h"

#define OK        RETURN(1)
#define RETURN(k) BPF_STMT(BPF_RET | BPF_K, k)
#define DATA      ((u32)sizeof(struct seccomp_data))

static u16 stored[BPF_MAXINSNS];

static int check(const struct sock_filter *prog, size_t n)
{
	return bpf_check(prog, n, stored);
}

#define CHECK_PROG(want, ...)                                               \
	({                                                                  \
		const struct sock_filter p__[] = {__VA_ARGS__};             \
		CHECK_EQ(check(p__, sizeof(p__) / sizeof(p__[0])), (want)); \
	})

TEST(lengths)
{
	static struct sock_filter prog[BPF_MAXINSNS + 1];

	for (size_t i = 0; i <= BPF_MAXINSNS; i++)
		prog[i] = (struct sock_filter)OK;
	CHECK_EQ(check(prog, 0), -EINVAL);
	CHECK_EQ(check(prog, 1), 0);
	CHECK_EQ(check(prog, BPF_MAXINSNS), 0);
	CHECK_EQ(bpf_check(prog, BPF_MAXINSNS + 1, stored), -EINVAL);
}

/* Of all 65,536 codes exactly those that seccomp(2) allows. */
TEST(codes)
{
	int allowed = 0;

	for (u32 code = 0; code <= 0xffff; code++) {
		const struct sock_filter prog[] = {
			BPF_STMT(BPF_ST, 4), BPF_STMT((u16)code, 4), OK, OK, OK, OK, OK};

		allowed += check(prog, 7) == 0;
	}
	/* 3 loads of the data or its length, 2 of M[], 2 of constants, 2 stores, 9 operations with
	 * K and with X, the negation, 1 + 4 * 2 jumps, 2 moves, 2 returns */
	CHECK_EQ(allowed, 3 + 2 + 2 + 2 + 18 + 1 + 9 + 2 + 2);
}

TEST(jumps_stay_inside)
{
	CHECK_PROG(0, BPF_STMT(BPF_JMP | BPF_JA, 0), OK);
	CHECK_PROG(-EINVAL, BPF_STMT(BPF_JMP | BPF_JA, 1), OK);
	CHECK_PROG(-EINVAL, BPF_STMT(BPF_JMP | BPF_JA, 0xffffffff), OK);
	CHECK_PROG(-EINVAL, BPF_STMT(BPF_JMP | BPF_JA, 0xfffffffe), OK);
	CHECK_PROG(0, BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1), OK, OK);
	CHECK_PROG(-EINVAL, BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 2, 0), OK, OK);
	CHECK_PROG(-EINVAL, BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 2), OK, OK);
	CHECK_PROG(-EINVAL, OK, BPF_STMT(BPF_JMP | BPF_JA, 0));
}

TEST(memory_is_stored_first)
{
	CHECK_PROG(-EINVAL, BPF_STMT(BPF_LD | BPF_MEM, 0), OK);
	CHECK_PROG(0, BPF_STMT(BPF_STX, 3), BPF_STMT(BPF_LD | BPF_MEM, 3), OK);
	CHECK_PROG(-EINVAL, BPF_STMT(BPF_STX, 3), BPF_STMT(BPF_LD | BPF_MEM, 2), OK);
	/* a store on one of two ways, and on both */
	CHECK_PROG(-EINVAL, BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1), BPF_STMT(BPF_ST, 0),
		   BPF_STMT(BPF_LDX | BPF_MEM, 0), OK);
	CHECK_PROG(0, BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 2), BPF_STMT(BPF_ST, 0),
		   BPF_STMT(BPF_JMP | BPF_JA, 1), BPF_STMT(BPF_ST, 0),
		   BPF_STMT(BPF_LDX | BPF_MEM, 0), OK);
}

TEST(constants)
{
	CHECK_PROG(-EINVAL, BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 0), OK);
	CHECK_PROG(-EINVAL, BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 32), OK);
	CHECK_PROG(0, BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 31), OK);
	CHECK_PROG(-EINVAL, BPF_STMT(BPF_LD | BPF_W | BPF_ABS, DATA), OK);
	CHECK_PROG(-EINVAL, BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 3), OK);
	CHECK_PROG(0, BPF_STMT(BPF_LD | BPF_W | BPF_ABS, DATA - 4), OK);
	CHECK_PROG(-EINVAL, BPF_STMT(BPF_ST, 16), OK);
}

/* ---- random programs, against a second interpreter ---- */

static u32 model(const struct sock_filter *p, size_t n, const u32 *words)
{
	u32 a = 0, x = 0, m[16] = {0};
	size_t pc = 0, steps = 0;

	for (;;) {
		if (pc >= n || steps++ >= n)
			abort();
		const struct sock_filter i = p[pc++];
		u32 v = i.code & 8 ? x : i.k;

		switch (i.code) {
		case 0x20:
			a = words[i.k / 4];
			break;
		case 0x80:
			a = 64;
			break;
		case 0x81:
			x = 64;
			break;
		case 0x00:
			a = i.k;
			break;
		case 0x01:
			x = i.k;
			break;
		case 0x60:
			a = m[i.k];
			break;
		case 0x61:
			x = m[i.k];
			break;
		case 0x02:
			m[i.k] = a;
			break;
		case 0x03:
			m[i.k] = x;
			break;
		case 0x04:
		case 0x0c:
			a += v;
			break;
		case 0x14:
		case 0x1c:
			a -= v;
			break;
		case 0x24:
		case 0x2c:
			a *= v;
			break;
		case 0x34:
		case 0x3c:
			if (!v)
				return 0;
			a /= v;
			break;
		case 0x44:
		case 0x4c:
			a |= v;
			break;
		case 0x54:
		case 0x5c:
			a &= v;
			break;
		case 0x64:
		case 0x6c:
			a <<= v % 32;
			break;
		case 0x74:
		case 0x7c:
			a >>= v % 32;
			break;
		case 0x84:
			a = 0 - a;
			break;
		case 0xa4:
		case 0xac:
			a ^= v;
			break;
		case 0x05:
			pc += i.k;
			break;
		case 0x15:
		case 0x1d:
			pc += a == v ? i.jt : i.jf;
			break;
		case 0x25:
		case 0x2d:
			pc += a > v ? i.jt : i.jf;
			break;
		case 0x35:
		case 0x3d:
			pc += a >= v ? i.jt : i.jf;
			break;
		case 0x45:
		case 0x4d:
			pc += a & v ? i.jt : i.jf;
			break;
		case 0x06:
			return i.k;
		case 0x16:
			return a;
		case 0x07:
			x = a;
			break;
		case 0x87:
			a = x;
			break;
		default:
			abort();
		}
	}
}

static const u16 codes[] = {0x20, 0x20, 0x80, 0x81, 0x00, 0x01, 0x60, 0x61, 0x02, 0x03, 0x04, 0x0c,
			    0x14, 0x1c, 0x24, 0x2c, 0x34, 0x3c, 0x44, 0x4c, 0x54, 0x5c, 0x64, 0x6c,
			    0x74, 0x7c, 0x84, 0xa4, 0xac, 0x05, 0x15, 0x1d, 0x25, 0x2d, 0x35, 0x3d,
			    0x45, 0x4d, 0x06, 0x16, 0x07, 0x87, 0x02, 0x03, 0x02, 0x03};

/* Mostly sensible, sometimes anything. */
static struct sock_filter random_instruction(size_t left)
{
	struct sock_filter i = {.code = codes[host_random_below(sizeof(codes) / sizeof(codes[0]))],
				.k = (u32)host_random_below(70)};

	if (host_random_below(4) == 0)
		i.k = (u32)host_random();
	if (i.code == 0x20)
		i.k = i.k % 16 * 4;
	else if (BPF_CLASS(i.code) == BPF_ST || BPF_CLASS(i.code) == BPF_STX || i.code == 0x60 ||
		 i.code == 0x61)
		i.k %= 4;
	else if (i.code == 0x05)
		i.k %= (u32)left + 1;
	else if (i.code == 0x64 || i.code == 0x74)
		i.k %= 32;
	if (BPF_CLASS(i.code) == BPF_JMP && left) {
		i.jt = (u8)host_random_below(MIN(left, 255UL));
		i.jf = (u8)host_random_below(MIN(left, 255UL));
	}
	if (host_random_below(200) == 0)
		i.code = (u16)host_random();
	return i;
}

TEST(random_programs)
{
	u32 words[DATA / 4];
	int good = 0;

	for (int round = 0; round < 200000; round++) {
		/* on the heap, and exactly as long, so that a step too far is seen */
		size_t n = 1 + host_random_below(24);
		struct sock_filter *prog = malloc(n * sizeof(*prog));

		for (size_t i = 0; i < n; i++)
			prog[i] = random_instruction(n - i - 1);
		if (host_random_below(8))
			prog[n - 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_A, 0);
		for (size_t i = 0; i < DATA / 4; i++)
			words[i] =
				(u32)(host_random_below(2) ? host_random() : host_random_below(70));
		if (check(prog, n) == 0) {
			struct seccomp_data data;

			memcpy(&data, words, sizeof(data));
			good++;
			CHECK_EQ(bpf_run(prog, &data), model(prog, n, words));
		}
		free(prog);
	}
	CHECK(good > 10000);
}

TEST(noise_never_runs_away)
{
	for (int round = 0; round < 100000; round++) {
		size_t n = 1 + host_random_below(4);
		struct sock_filter *prog = malloc(n * sizeof(*prog));
		struct seccomp_data data = {0};

		for (size_t i = 0; i < n * sizeof(*prog); i++)
			((u8 *)prog)[i] = (u8)host_random();
		if (check(prog, n) == 0)
			(void)bpf_run(prog, &data);
		free(prog);
	}
}
TEST_MAIN
