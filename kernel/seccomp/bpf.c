/*
 * Classic BPF: the checker and the interpreter.
 *
 * The machine has an accumulator A, an index X and 16 words of memory M[], all of 32 bits; A and X
 * begin as 0. Jumps lead only forward, so a program of n instructions ends after at most n steps.
 * bpf(4) of the BSDs; Linux: Documentation/networking/filter.rst. Of its instructions seccomp(2)
 * allows no loads of bytes and half words, no indirect loads and no remainders.
 */
#include "kernel/seccomp/bpf.h"

/* ---- the checker ---- */

/* Is it an operation on A that seccomp(2) allows, whatever its operand? */
static bool is_alu_op(u16 op)
{
	switch (op) {
	case BPF_ADD:
	case BPF_SUB:
	case BPF_MUL:
	case BPF_DIV:
	case BPF_OR:
	case BPF_AND:
	case BPF_LSH:
	case BPF_RSH:
	case BPF_XOR:
		return true;
	default:
		return false;
	}
}

static bool check_alu(const struct sock_filter *in)
{
	u16 op = BPF_OP(in->code);

	if (in->code == (BPF_ALU | BPF_NEG))
		return true;
	if (!is_alu_op(op))
		return false;
	if (BPF_SRC(in->code) == BPF_X)
		return true;
	if (op == BPF_DIV)
		return in->k != 0;
	return (op != BPF_LSH && op != BPF_RSH) || in->k < 32;
}

/* `left`: instructions behind this one. */
static bool check_jump(const struct sock_filter *in, size_t left)
{
	switch (BPF_OP(in->code)) {
	case BPF_JA:
		return BPF_SRC(in->code) == BPF_K && in->k < left;
	case BPF_JEQ:
	case BPF_JGT:
	case BPF_JGE:
	case BPF_JSET:
		return in->jt < left && in->jf < left;
	default:
		return false;
	}
}

static bool check_instruction(const struct sock_filter *in, size_t left)
{
	if (in->code > 0xff)
		return false;
	switch (BPF_CLASS(in->code)) {
	case BPF_ALU:
		return check_alu(in);
	case BPF_JMP:
		return check_jump(in, left);
	default:
		break;
	}
	switch (in->code) {
	case BPF_LD | BPF_W | BPF_ABS:
		return in->k < sizeof(struct seccomp_data) && in->k % sizeof(u32) == 0;
	case BPF_LD | BPF_MEM:
	case BPF_LDX | BPF_MEM:
	case BPF_ST:
	case BPF_STX:
		return in->k < BPF_MEMWORDS;
	case BPF_LD | BPF_W | BPF_LEN:
	case BPF_LDX | BPF_W | BPF_LEN:
	case BPF_LD | BPF_IMM:
	case BPF_LDX | BPF_IMM:
	case BPF_MISC | BPF_TAX:
	case BPF_MISC | BPF_TXA:
	case BPF_RET | BPF_K:
	case BPF_RET | BPF_A:
		return true;
	default:
		return false;
	}
}

/* Check that every way to a load from M[] stores there first. stored[i]: a bit for each word that
 * all jumps to instruction i have stored. */
static bool check_memory(const struct sock_filter *prog, size_t n, u16 *stored)
{
	u16 now = 0; /* on the way that leads here from the instruction before */

	for (size_t i = 0; i < n; i++)
		stored[i] = 0xffff;
	for (size_t i = 0; i < n; i++) {
		const struct sock_filter *in = &prog[i];

		now &= stored[i];
		switch (BPF_CLASS(in->code)) {
		case BPF_ST:
		case BPF_STX:
			now |= (u16)(1U << in->k);
			break;
		case BPF_LD:
		case BPF_LDX:
			if (BPF_MODE(in->code) == BPF_MEM && !(now >> in->k & 1))
				return false;
			break;
		case BPF_JMP:
			if (BPF_OP(in->code) == BPF_JA) {
				stored[i + 1 + in->k] &= now;
			} else {
				stored[i + 1 + in->jt] &= now;
				stored[i + 1 + in->jf] &= now;
			}
			now = 0xffff; /* only jumps lead to the next one */
			break;
		default:
			break;
		}
	}
	return true;
}

int bpf_check(const struct sock_filter *prog, size_t n, u16 *stored)
{
	if (n == 0 || n > BPF_MAXINSNS)
		return -EINVAL;
	for (size_t i = 0; i < n; i++)
		if (!check_instruction(&prog[i], n - i - 1))
			return -EINVAL;
	if (BPF_CLASS(prog[n - 1].code) != BPF_RET)
		return -EINVAL;
	return check_memory(prog, n, stored) ? 0 : -EINVAL;
}

/* ---- the interpreter ---- */

static u32 alu(u16 op, u32 a, u32 operand)
{
	switch (op) {
	case BPF_ADD:
		return a + operand;
	case BPF_SUB:
		return a - operand;
	case BPF_MUL:
		return a * operand;
	case BPF_DIV:
		return a / operand;
	case BPF_OR:
		return a | operand;
	case BPF_AND:
		return a & operand;
	case BPF_LSH:
		return a << (operand & 31);
	case BPF_RSH:
		return a >> (operand & 31);
	case BPF_XOR:
		return a ^ operand;
	default:
		return -a; /* BPF_NEG */
	}
}

/* How many instructions to skip. */
static u32 jump(const struct sock_filter *in, u32 a, u32 x)
{
	u32 operand = BPF_SRC(in->code) == BPF_X ? x : in->k;
	bool taken;

	switch (BPF_OP(in->code)) {
	case BPF_JA:
		return in->k;
	case BPF_JEQ:
		taken = a == operand;
		break;
	case BPF_JGT:
		taken = a > operand;
		break;
	case BPF_JGE:
		taken = a >= operand;
		break;
	default:
		taken = a & operand; /* BPF_JSET */
	}
	return taken ? in->jt : in->jf;
}

static u32 load(const struct sock_filter *in, const struct seccomp_data *data, const u32 *memory)
{
	switch (BPF_MODE(in->code)) {
	case BPF_ABS:
		return ((const u32 *)data)[in->k / sizeof(u32)];
	case BPF_MEM:
		return memory[in->k];
	case BPF_LEN:
		return sizeof(*data);
	default:
		return in->k; /* BPF_IMM */
	}
}

u32 bpf_run(const struct sock_filter *in, const struct seccomp_data *data)
{
	u32 a = 0, x = 0, operand, memory[BPF_MEMWORDS];

	for (;; in++) {
		switch (BPF_CLASS(in->code)) {
		case BPF_LD:
			a = load(in, data, memory);
			break;
		case BPF_LDX:
			x = load(in, data, memory);
			break;
		case BPF_ST:
			memory[in->k] = a;
			break;
		case BPF_STX:
			memory[in->k] = x;
			break;
		case BPF_ALU:
			operand = BPF_SRC(in->code) == BPF_X ? x : in->k;
			if (BPF_OP(in->code) == BPF_DIV && operand == 0)
				return 0; /* as on Linux: it ends the thread */
			a = alu(BPF_OP(in->code), a, operand);
			break;
		case BPF_JMP:
			in += jump(in, a, x);
			break;
		case BPF_RET:
			return BPF_RVAL(in->code) == BPF_A ? a : in->k;
		default: /* BPF_MISC */
			if (BPF_MISCOP(in->code) == BPF_TXA)
				a = x;
			else
				x = a;
		}
	}
}
