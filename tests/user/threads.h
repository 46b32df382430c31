/* For programs about pthreads: short words for what each of them does. */
#pragma once

#include "check.h"

#include <pthread.h>

/* pthread_create(), where failure ends the program. */
__attribute__((unused)) static pthread_t start_with(const pthread_attr_t *attr, void *(*fn)(void *),
						    void *arg)
{
	pthread_t thread;
	int err = pthread_create(&thread, attr, fn, arg);

	if (err) {
		say("pthread_create: %s", error_name(err));
		_exit(94);
	}
	return thread;
}

__attribute__((unused)) static pthread_t start(void *(*fn)(void *), void *arg)
{
	return start_with(NULL, fn, arg);
}

/* The functions of pthreads return their error. */
__attribute__((unused)) static void say_error(const char *what, int err)
{
	say("%s: %s", what, err ? error_name(err) : "ok");
}
#define ERROR(call) say_error(#call, (call))

__attribute__((unused)) static long join(pthread_t thread)
{
	void *result = NULL;
	int err = pthread_join(thread, &result);

	if (err)
		say("pthread_join: %s", error_name(err));
	return (long)result;
}

__attribute__((unused)) static void say_join(const char *what, pthread_t thread)
{
	long result = join(thread);

	if (result == (long)PTHREAD_CANCELED)
		say("%s: canceled", what);
	else
		say("%s: returned %ld", what, result);
}

__attribute__((unused)) static void *map_shared(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED) {
		say("mmap: %s", error_name(errno));
		_exit(93);
	}
	return p;
}

__attribute__((unused)) static pid_t own_tid(void)
{
	return (pid_t)syscall(SYS_gettid);
}

/* Each case is a process of its own: what one leaves behind, the next does not meet. */
#define CASE(fn) in_child(#fn, fn)

/* What a thread does that is ended from outside. */
__attribute__((unused)) static void *sleeps_on(void *arg)
{
	for (;;)
		pause();
	return arg;
}
__attribute__((unused)) static void *spins_on(void *arg)
{
	for (;;)
		*(volatile long *)arg += 1;
	return NULL;
}
