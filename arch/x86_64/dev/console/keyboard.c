/* The keyboard behind the i8042 controller, which translates to scan code set 1: see keymap.c. */
#include "arch/x86_64/dev/console/keyboard.h"

#include "arch/x86_64/arch.h"
#include "arch/x86_64/dev/console/console.h"
#include "arch/x86_64/dev/io.h"
#include "arch/x86_64/dev/irq/intc.h"
#include "arch/x86_64/dev/usb/usb.h"
#include "kernel/lib/log.h"

#define DATA   0x60
#define STATUS 0x64 /* read */
#define CMD    0x64 /* write */

#define STATUS_OUTPUT_FULL 0x01
#define STATUS_INPUT_FULL  0x02
#define STATUS_AUX         0x20 /* the byte is the mouse's */

#define CMD_READ_CONFIG  0x20
#define CMD_WRITE_CONFIG 0x60
#define CMD_DISABLE_AUX  0xa7
#define CMD_ENABLE_KBD   0xae
#define CMD_DISABLE_KBD  0xad

#define CONFIG_KBD_IRQ   0x01
#define CONFIG_AUX_IRQ   0x02
#define CONFIG_KBD_OFF   0x10
#define CONFIG_TRANSLATE 0x40 /* set 2, which every keyboard sends, to set 1 */

#define KBD_IRQ    1
#define WAIT_TURNS 10000 /* microseconds, about */
#define MAX_FLUSH  64

static struct keymap keymap;

static bool wait_status(u8 bit, u8 value)
{
	for (int i = 0; i < WAIT_TURNS; i++) {
		if ((inb(STATUS) & bit) == value)
			return true;
		io_delay();
	}
	return false;
}

static bool send(u16 port, u8 v)
{
	if (!wait_status(STATUS_INPUT_FULL, 0))
		return false;
	outb(port, v);
	return true;
}

static void flush(void)
{
	for (int i = 0; i < MAX_FLUSH && (inb(STATUS) & STATUS_OUTPUT_FULL); i++)
		inb(DATA);
}

static bool read_config(u8 *config)
{
	if (!send(CMD, CMD_READ_CONFIG) || !wait_status(STATUS_OUTPUT_FULL, STATUS_OUTPUT_FULL))
		return false;
	*config = inb(DATA);
	return true;
}

/* The firmware left the controller working: set only the interrupts and the translation. */
static bool setup_controller(void)
{
	u8 config;

	if (inb(STATUS) == 0xff)
		return false;
	if (!send(CMD, CMD_DISABLE_KBD) || !send(CMD, CMD_DISABLE_AUX))
		return false;
	flush();
	if (!read_config(&config))
		return false;
	config |= CONFIG_KBD_IRQ | CONFIG_TRANSLATE;
	config &= ~(CONFIG_AUX_IRQ | CONFIG_KBD_OFF);
	return send(CMD, CMD_WRITE_CONFIG) && send(DATA, config) && send(CMD, CMD_ENABLE_KBD);
}

void keyboard_code(struct keymap *k, u8 code)
{
	char out[KEY_MAX_CHARS];
	size_t n = keymap_decode(k, code, out);

	for (size_t i = 0; i < n; i++)
		console_input(out[i]);
}

static void keyboard_interrupt(struct pt_regs *regs __maybe_unused)
{
	u8 status;

	irq_eoi(KBD_IRQ);
	for (int i = 0; i < MAX_FLUSH && ((status = inb(STATUS)) & STATUS_OUTPUT_FULL); i++) {
		u8 code = inb(DATA);

		if (!(status & STATUS_AUX))
			keyboard_code(&keymap, code);
	}
	arch_console_refresh();
}

static bool works;

bool arch_has_keyboard(void)
{
	return works || usb_has_keyboard();
}

void keyboard_init(void)
{
	if (!setup_controller()) {
		pr_info("keyboard: no PS/2 controller\n");
		return;
	}
	if (irq_install(KBD_IRQ, keyboard_interrupt) != 0) {
		pr_warn("keyboard: no interrupt\n");
		return;
	}
	works = true;
	flush(); /* a byte from before the line was routed would block all further edges */
}
