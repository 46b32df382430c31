/* Calls, a loop, variables of several kinds: to be stepped through. */
#include <stdio.h>

struct point {
	int x, y;
	double weight;
};

int total;
volatile int watched;
struct point where = {1, 2, 0.5};
char text[] = "some text";

static int square(int n)
{
	int result = n * n;

	return result;
}

int add(int a, int b)
{
	total = a + b;
	return total;
}

static int factorial(int n)
{
	if (n <= 1)
		return 1;
	return n * factorial(n - 1);
}

static double half(double d)
{
	return d / 2;
}

static int loop(int n)
{
	int sum = 0;

	for (int i = 0; i < n; i++) {
		sum += square(i);
		watched = sum;
	}
	return sum;
}

int main(int argc, char **argv)
{
	int a, b, c;

	a = add(argc, 2);
	b = loop(5);
	c = factorial(4);
	where.x = a;
	where.weight = half(where.weight);
	text[0] = 'S';
	printf("%d %d %d %d %s %.2f\n", a, b, c, where.x, text, where.weight);
	fflush(stdout);
	return argv[0] ? a : b;
}
