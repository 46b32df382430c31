/* Loads a library and calls it. */
#include <dlfcn.h>
#include <stdio.h>

double result;

int main(void)
{
	void *library = dlopen("libm.so.6", RTLD_NOW);
	double (*function)(double) = NULL;

	if (!library)
		return 1;
	*(void **)&function = dlsym(library, "sqrt");
	result = function(16.0);
	printf("%.1f\n", result);
	dlclose(library);
	return 0;
}
