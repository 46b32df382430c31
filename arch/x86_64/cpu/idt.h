/* The interrupt descriptor table, one for all CPUs. */
#pragma once

void idt_init(void); /* fill it */
void idt_load(void); /* on this CPU */
