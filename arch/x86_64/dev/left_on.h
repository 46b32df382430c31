/* What firmware may have left on. */
#pragma once

/* Halt the watchdog of Intel's chipsets, if it can reset the machine; say in the log which IOMMUs
 * there are, and which of them are on. Called once the ACPI tables are read. */
void check_left_on(void);
