/* Writing a dump to a file or into a pipe. Holes are left out of a file; a pipe gets zeroes. */
#include "kernel/coredump/internal.h"

/* Other signals than SIGKILL are not for a process that dumps: a wake-up by one means nothing. */
static bool was_only_woken(ssize_t err)
{
	if (err != -ERESTARTSYS || fatal_signal_pending(current))
		return false;
	task_clear_work(current, WORK_SIGPENDING);
	return !fatal_signal_pending(current);
}

static bool put(struct sink *s, const void *data, size_t n)
{
	u64 at = s->pos;

	while (n) {
		struct uio io;
		ssize_t got = -EINTR;

		uio_init_kernel(&io, (void *)data, n);
		if (!fatal_signal_pending(current))
			got = file_write(s->file, &io, s->sparse ? &at : NULL);
		if (was_only_woken(got))
			continue;
		if (got <= 0)
			return false;
		data = (const char *)data + got;
		n -= (size_t)got;
	}
	return true;
}

static bool put_counted(struct sink *s, const void *data, size_t n)
{
	if (s->written + n > s->limit || !put(s, data, n))
		return false;
	s->written += n;
	s->pos += n;
	return true;
}

static bool put_zeroes(struct sink *s)
{
	static const char zeroes[PAGE_SIZE];

	while (s->hole) {
		size_t n = MIN(s->hole, PAGE_SIZE);

		if (!put_counted(s, zeroes, n))
			return false;
		s->hole -= n;
	}
	return true;
}

bool sink_write(struct sink *s, const void *data, size_t n)
{
	if (!s->sparse && s->hole && !put_zeroes(s))
		return false;
	s->pos += s->hole;
	s->hole = 0;
	return put_counted(s, data, n);
}

void sink_skip(struct sink *s, u64 n)
{
	s->hole += n;
}

bool sink_end(struct sink *s)
{
	if (!s->hole)
		return true;
	s->hole--;
	return sink_write(s, "", 1);
}
