/* ptrace: one puppet traces another, step by step. The puppet makes the calls: ptrace(2). */
#include "arch/x86_64/arch.h"
#include "kernel/lib/syscall.h"
#include "kernel/ptrace/ptrace.h"
#include "kernel/shell/shell.h"

enum argument {
	NOTHING,
	SIGNAL,
	OPTIONS,
	ADDRESS
};

static const struct request {
	const char *word, *name;
	long nr;
	enum argument third;
} requests[] = {
	{"traceme", "PTRACE_TRACEME", PTRACE_TRACEME, NOTHING},
	{"attach", "PTRACE_ATTACH", PTRACE_ATTACH, NOTHING},
	{"seize", "PTRACE_SEIZE", PTRACE_SEIZE, OPTIONS},
	{"options", "PTRACE_SETOPTIONS", PTRACE_SETOPTIONS, OPTIONS},
	{"interrupt", "PTRACE_INTERRUPT", PTRACE_INTERRUPT, NOTHING},
	{"cont", "PTRACE_CONT", PTRACE_CONT, SIGNAL},
	{"syscall", "PTRACE_SYSCALL", PTRACE_SYSCALL, SIGNAL},
	{"step", "PTRACE_SINGLESTEP", PTRACE_SINGLESTEP, SIGNAL},
	{"listen", "PTRACE_LISTEN", PTRACE_LISTEN, NOTHING},
	{"regs", "PTRACE_GETREGS", PTRACE_GETREGS, NOTHING},
	{"peek", "PTRACE_PEEKDATA", PTRACE_PEEKDATA, ADDRESS},
	{"kill", "PTRACE_KILL", PTRACE_KILL, NOTHING},
	{"detach", "PTRACE_DETACH", PTRACE_DETACH, SIGNAL},
};

static const struct {
	const char *name;
	u64 bit;
} options[] = {
	{"TRACESYSGOOD", PTRACE_O_TRACESYSGOOD}, {"TRACEFORK", PTRACE_O_TRACEFORK},
	{"TRACEVFORK", PTRACE_O_TRACEVFORK},     {"TRACECLONE", PTRACE_O_TRACECLONE},
	{"TRACEEXEC", PTRACE_O_TRACEEXEC},       {"TRACEVFORKDONE", PTRACE_O_TRACEVFORKDONE},
	{"TRACEEXIT", PTRACE_O_TRACEEXIT},       {"EXITKILL", PTRACE_O_EXITKILL},
};

void ptrace_words_foreach(void (*fn)(const char *word, void *), void *arg)
{
	for (size_t i = 0; i < ARRAY_SIZE(requests); i++)
		fn(requests[i].word, arg);
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		fn(options[i].name, arg);
}

static const struct request *find_request(const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(requests); i++)
		if (strcmp(word, requests[i].word) == 0)
			return &requests[i];
	return NULL;
}

/* Parse "TRACEFORK,TRACEEXIT". Prints what is wrong and returns false. */
static bool parse_options(char *text, u64 *out)
{
	while (text) {
		char *comma = strchr(text, ',');
		size_t i = 0;

		if (comma)
			*comma++ = '\0';
		while (i < ARRAY_SIZE(options) && strcmp(text, options[i].name) != 0)
			i++;
		if (i == ARRAY_SIZE(options)) {
			console_printf("ptrace: there is no option '%s'\n", text);
			return false;
		}
		*out |= options[i].bit;
		text = comma;
	}
	return true;
}

/* The word behind the pid. Prints what is wrong and returns false. */
static bool third_argument(const struct request *r, char *text, u64 *addr, u64 *data)
{
	int sig;

	switch (r->third) {
	case OPTIONS:
		return parse_options(text, data);
	case SIGNAL:
		sig = signal_number(text);
		*data = (u64)sig;
		if (sig < 0)
			console_printf("ptrace: there is no signal '%s'\n", text);
		return sig >= 0;
	case ADDRESS:
		return number_argument("ptrace", text, addr);
	default:
		shell_usage("ptrace");
		return false;
	}
}

static void print_regs(struct puppet *p, pid_t pid)
{
	struct pt_regs r; /* struct user_regs_struct begins with it */

	if (!puppet_read(p, PUPPET_ANSWER, &r, sizeof(r)))
		return;
	console_printf("  %d: rip %#lx rsp %#lx rflags %#lx orig_rax %ld\n", pid, r.rip, r.rsp,
		       r.rflags, (long)r.orig_rax);
	console_printf("  %d: rax %#lx rdi %#lx rsi %#lx rdx %#lx r10 %#lx r8 %#lx r9 %#lx\n", pid,
		       r.rax, r.rdi, r.rsi, r.rdx, r.r10, r.r8, r.r9);
}

static void print_answer(const struct request *r, struct puppet *p, pid_t pid, u64 addr)
{
	u64 word;

	if (r->nr == PTRACE_GETREGS)
		print_regs(p, pid);
	else if (r->nr == PTRACE_PEEKDATA && puppet_read(p, PUPPET_ANSWER, &word, sizeof(word)))
		console_printf("  %d: [%#lx] = %lu = %#lx\n", pid, addr, word, word);
}

/* Order the request and say what it returned. */
static int request_by_puppet(const struct request *r, pid_t pid, u64 addr, u64 data)
{
	struct puppet *p scoped(puppet_put) = puppet_ready();
	char text[32];
	long ret;

	if (p == NULL)
		return STATUS_FAILED;
	if (r->nr == PTRACE_GETREGS || r->nr == PTRACE_PEEKDATA)
		data = PUPPET_ANSWER;
	ret = order_ptrace(p, r->nr, pid, addr, data);
	if (ret == -ERESTARTSYS) {
		console_printf("%d: ptrace(%s, %d) has not returned\n", p->pid, r->name, pid);
		return 0;
	}
	console_printf("%d: ptrace(%s, %d) = %s\n", p->pid, r->name, pid,
		       result_text(text, sizeof(text), ret));
	if (ret == 0)
		print_answer(r, p, pid, addr);
	return ret < 0 ? STATUS_FAILED : 0;
}

SHELL_COMMAND(ptrace, "make", 1, 3, "ptrace REQUEST [PID [SIGNAL|OPTION,...|ADDRESS]]",
	      "the selected puppet traces PID: traceme attach seize options interrupt cont syscall "
	      "step listen regs peek kill detach")
{
	const struct request *r = find_request(argv[1]);
	u64 addr = 0, data = 0;
	pid_t pid = 0;

	if (r == NULL)
		return shell_error(STATUS_USAGE, "ptrace: there is no request '%s'\n", argv[1]);
	if ((argc == 2) != (r->nr == PTRACE_TRACEME) || (r->third == ADDRESS && argc < 4))
		return shell_usage("ptrace");
	if (argc > 2 && !pid_argument("ptrace", argv[2], &pid))
		return STATUS_USAGE;
	if (argc > 3 && !third_argument(r, argv[3], &addr, &data))
		return STATUS_USAGE;
	return request_by_puppet(r, pid, addr, data);
}
