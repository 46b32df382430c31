/* Spin in user mode with the GS base that the argument says, also one that only WRGSBASE can set.
 */
#include "../check.h"
#include <asm/hwcap2.h>
#include <sys/auxv.h>

int main(int argc, char **argv)
{
	unsigned long base = argc > 1 ? strtoul(argv[1], NULL, 0) : 0;

	if (!(getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE)) {
		say("no FSGSBASE");
		return 1;
	}
	__asm__ volatile("wrgsbase %0" ::"r"(base));
	say("spins");
	for (;;)
		__asm__ volatile("");
}
