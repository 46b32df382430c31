/* A file of /proc whose text is longer than the kernel makes: reading it fails, and gives nothing
 * of what stands behind. */
#include "../check.h"

#define MAPS 65000

int main(void)
{
	char path[256] = "/tmp/", data[4096] = {0};
	int fd, text;

	memset(path + 5, '\n', 250); /* four characters each, as the text has them */
	fd = open(path, O_CREAT | O_RDWR, 0600);
	if (fd < 0 || write(fd, data, sizeof(data)) < 0)
		return 1;
	for (int i = 0; i < MAPS; i++)
		if (mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED)
			return 2;
	text = open("/proc/self/maps", O_RDONLY);
	for (int i = 0; i < 2; i++)
		say("read %d: %s", i,
		    pread(text, data, sizeof(data), 1024) < 0 ? error_name(errno) : "text");
	say("as it was: %s", data[0] ? "NO" : "yes");
	return unlink(path) ? 3 : 0;
}
