/* SPDX-License-Identifier: MIT */
/* The processor's other tables: descriptors, task state, interrupts. */
#ifndef KERNEL_TABLES_H
#define KERNEL_TABLES_H

/*
 * Load them. All traps run on a stack of their own: the one that was running
 * may be what is wrong, as when it has run into its guard page.
 */
void tables_load(void);

#endif /* KERNEL_TABLES_H */
