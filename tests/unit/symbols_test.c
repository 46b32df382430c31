/* Looking up addresses in a symbol table made here. */
#include "kernel/debug/symbols.c"
#include "tests/unit/host.h"

static const char names[] = "\0start\0label\0finish\0data\0undefined\0drop.isra.0\0entry.loop\0";
enum {
	START = 1,
	LABEL = 7,
	FINISH = 13,
	DATA = 20,
	UNDEFINED = 25,
	VARIANT = 35,
	PART = 47,
};

#define SYM(name, type, value, section)                                                          \
	{                                                                                        \
		.st_name = (name), .st_info = (type), .st_value = (value), .st_shndx = (section) \
	}

static const Elf64_Sym table[] = {
	SYM(0, STT_NOTYPE, 0, 0),
	SYM(FINISH, STT_FUNC, 0x3000, 1),
	SYM(LABEL, STT_NOTYPE, 0x1000, 1),
	SYM(START, STT_FUNC, 0x1000, 1),
	SYM(DATA, STT_OBJECT, 0x2000, 2),
	SYM(UNDEFINED, STT_FUNC, 0x2500, SHN_UNDEF),
	SYM(4000, STT_FUNC, 0x2600, 1), /* a name beyond the strings */
	SYM(0, STT_FUNC, 0x2700, 1),    /* no name */
	SYM(VARIANT, STT_FUNC, 0x4000, 1),
	SYM(PART, STT_NOTYPE, 0x5000, 1),
	SYM(LABEL, STT_NOTYPE, 0x10, SHN_ABS), /* a constant */
	{.st_name = FINISH,
	 .st_info = STT_FUNC,
	 .st_value = 0x6000,
	 .st_size = 0x20,
	 .st_shndx = 1},
};

static const char *name_of(u64 addr)
{
	static char buf[64];

	return symbol_name(addr, buf, sizeof(buf));
}

TEST(nearest_function_below)
{
	symbols_set(table, sizeof(table), names, sizeof(names));
	CHECK_STR(name_of(0x1000), "start+0x0");
	CHECK_STR(name_of(0x1010), "start+0x10");
	CHECK_STR(name_of(0x2fff),
		  "start+0x1fff"); /* neither data nor undefined nor nameless symbols count */
	CHECK_STR(name_of(0x3000), "finish+0x0");
	CHECK_STR(name_of(0x3001), "finish+0x1");
}

TEST(a_variant_has_the_name_of_its_source)
{
	symbols_set(table, sizeof(table), names, sizeof(names));
	CHECK_STR(name_of(0x4008), "drop+0x8");
	CHECK_STR(name_of(0x5008), "entry.loop+0x8"); /* a label of assembly keeps its whole name */
}

TEST(no_symbol)
{
	CHECK_STR(name_of(0), "0");
	CHECK_STR(name_of(0x20), "0x20"); /* the constant is no address */
	CHECK_STR(name_of(0xfff), "0xfff");
	symbols_set(NULL, 0, NULL, 0);
	CHECK_STR(name_of(0x1234), "0x1234");
}

TEST(behind_the_end_of_a_function)
{
	symbols_set(table, sizeof(table), names, sizeof(names));
	CHECK_STR(name_of(0x601f), "finish+0x1f");
	CHECK_STR(name_of(0x6020), "0x6020");
}

TEST(broken_strings_are_not_used)
{
	symbols_set(table, sizeof(table), "start", 5); /* without its NUL */
	CHECK_STR(name_of(0x1000), "0x1000");
	symbols_set(table, sizeof(table) + 7, names,
		    sizeof(names)); /* a partial entry at the end */
	CHECK_STR(name_of(0x3000), "finish+0x0");
}

TEST_MAIN
