/* The shell's grammar. */
#include "kernel/shell/parse.c"
#include "tests/unit/host.h"

static struct shell_words w;

/* Parse all of `line`, and write each command as [a|b|c], with & behind it if it runs in the
 * background. */
static const char *show(const char *line)
{
	static char out[4096];
	size_t n = 0;

	out[0] = '\0';
	do {
		const char *error = parse_command(&line, &w);

		if (error) {
			snprintf(out + n, sizeof(out) - n, "error");
			return out;
		}
		if (w.argc == 0)
			continue;
		n += snprintf(out + n, sizeof(out) - n, "[");
		for (int i = 0; i < w.argc; i++)
			n += snprintf(out + n, sizeof(out) - n, "%s%s", i ? "|" : "", w.argv[i]);
		n += snprintf(out + n, sizeof(out) - n, "]%s", w.background ? "&" : "");
		CHECK(w.argv[w.argc] == NULL);
	} while (*line);
	return out;
}

TEST(words)
{
	CHECK_STR(show(""), "");
	CHECK_STR(show("   \t "), "");
	CHECK_STR(show("fork"), "[fork]");
	CHECK_STR(show("  sys   write 1 \r\n"), "[sys|write|1]");
	CHECK_STR(show("12: poke 5"), "[12:|poke|5]");
}

TEST(quotes_are_literal)
{
	CHECK_STR(show("a 'b c' d"), "[a|b c|d]");
	CHECK_STR(show("sh -c \"echo $i; i=$((i+1)) & # no\""),
		  "[sh|-c|echo $i; i=$((i+1)) & # no]");
	CHECK_STR(show("'it is \"so\"' \"don't\""), "[it is \"so\"|don't]");
	CHECK_STR(show("a'b c'd\"e f\""), "[ab cde f]");
	CHECK_STR(show("x '' y"), "[x||y]");
	CHECK_STR(show("back\\slash \\n"), "[back\\slash|\\n]");
}

TEST(quoted_words_are_marked)
{
	const char *line = "sys 12 '12' x\"1\" y";

	CHECK(parse_command(&line, &w) == NULL);
	CHECK_EQ(w.argc, 5);
	CHECK(!word_quoted(w.argv[1]));
	CHECK(word_quoted(w.argv[2]));
	CHECK(word_quoted(w.argv[3]));
	CHECK(!word_quoted(w.argv[4]));
}

TEST(ends_of_commands)
{
	CHECK_STR(show("a;b ; c"), "[a][b][c]");
	CHECK_STR(show("a & b&c"), "[a]&[b]&[c]");
	CHECK_STR(show(";;a;;"), "[a]");
	CHECK_STR(show("a # b ; c"), "[a]");
	CHECK_STR(show("# all"), "");
	CHECK_STR(show("a#b c"), "[a#b|c]");
	CHECK_STR(show("a; # x"), "[a]");
}

TEST(wrong_lines)
{
	CHECK_STR(show("a 'b"), "error");
	CHECK_STR(show("a \"b'"), "error");
	CHECK_STR(show("&"), "error");
	CHECK_STR(show("a; & b"), "[a]error");
}

TEST(limits)
{
	char line[4096];
	const char *at;
	size_t n = 0;

	for (int i = 0; i < SHELL_MAX_ARGS; i++)
		n += snprintf(line + n, sizeof(line) - n, "a ");
	at = line;
	CHECK(parse_command(&at, &w) == NULL);
	CHECK_EQ(w.argc, SHELL_MAX_ARGS);
	snprintf(line + n, sizeof(line) - n, "a");
	at = line;
	CHECK(parse_command(&at, &w) != NULL);

	memset(line, 'x', sizeof(line));
	line[sizeof(line) - 1] = '\0';
	at = line;
	CHECK(parse_command(&at, &w) != NULL);
	line[SHELL_LINE_MAX - 1] = '\0'; /* the longest line there is fits */
	at = line;
	CHECK(parse_command(&at, &w) == NULL);
	CHECK_EQ(strlen(w.argv[0]), SHELL_LINE_MAX - 1);
}

TEST(random_lines_end)
{
	static const char alphabet[] = "ab '\";&# \t";

	for (int round = 0; round < 20000; round++) {
		char line[40];
		const char *at = line;
		size_t n = host_random_below(sizeof(line));

		for (size_t i = 0; i < n; i++)
			line[i] = alphabet[host_random_below(sizeof(alphabet) - 1)];
		line[n] = '\0';
		for (int steps = 0; *at; steps++) {
			if (!CHECK(steps <= 40) || parse_command(&at, &w))
				break;
			CHECK(at >= line && at <= line + n);
		}
	}
}

TEST_MAIN
