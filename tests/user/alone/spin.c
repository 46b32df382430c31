/* Computes for ever: something to stop, continue and kill. */
int main(void)
{
	for (;;)
		__asm__ volatile("");
}
