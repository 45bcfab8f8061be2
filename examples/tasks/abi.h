/* SPDX-License-Identifier: MIT */
/*
 * The system calls, for the kernel and for programs. Number in a7, arguments in
 * a0 to a3, result in a0; a negative one is an error of vmm/error.h.
 */
#ifndef TASKS_ABI_H
#define TASKS_ABI_H

enum system_call {
	SYS_EXIT,   /* (code) */
	SYS_FAIL,   /* (text, size): the scenario has failed; ends it all */
	SYS_WRITE,  /* (text, size): to the console */
	SYS_FORK,   /* () -> number of the child; 0 in the child */
	SYS_THREAD, /* (entry, argument) -> number; same space, own stack */
	SYS_EXEC,   /* (program, argument): goes on in another image */
	SYS_WAIT,   /* (number; 0: any child) -> its code, or KILLED_... */
	SYS_YIELD,  /* () */
	SYS_PIN,    /* (hart): go on there only, and children too */
	SYS_HARTS,  /* () -> how many there are */
	SYS_TIME,   /* () -> in ticks of 100 ns */
	SYS_USED,   /* () -> frames that are in use by spaces */
	SYS_BRK,    /* (size) -> the heap's first address */
	SYS_MAP,   /* (address or 0, size, MAP_...) -> address; zeroed memory */
	SYS_UNMAP, /* (address, size) */
	SYS_PROTECT, /* (address, size, MAP_...) */
	SYS_MOVE, /* (address, size) -> address; another size, maybe elsewhere */
	SYS_DISCARD, /* (address, size): forget what was written */
	SYS_PHYS,    /* (address) -> physical address, for a device */
	SYS_SHARE,   /* (size) -> key of new memory that can be shared */
	SYS_ATTACH,  /* (key, MAP_...) -> address; shows that memory */
	SYS_DROP,    /* (key): nobody can attach it any more */
	SYSTEM_CALLS
};

#define MAP_READ       1ul
#define MAP_WRITE      2ul
#define MAP_KEEP       4ul  /* survives SYS_EXEC */
#define MAP_RING       8ul  /* the second half shows the first one */
#define MAP_CONTIGUOUS 16ul /* frames in a row, at once */

/* What SYS_WAIT says of a task that was killed. */
#define KILLED_BY_FAULT	 0x10000 /* and the cause: enum vmm_fault_cause */
#define KILLED_BY_MEMORY 0x20000 /* there was none */
#define KILLED_BY_TRAP	 0x30000 /* an instruction that is none */

/* Programs that SYS_EXEC knows, in the order of programs.S. */
enum program {
	PROGRAM_ABUSE,
	PROGRAM_COW,
	PROGRAM_DEEP,
	PROGRAM_EXEC,
	PROGRAM_FAULTS,
	PROGRAM_HEAP,
	PROGRAM_IMAGE,
	PROGRAM_KINDS,
	PROGRAM_PROTECT,
	PROGRAM_RACE,
	PROGRAM_SHARE,
	PROGRAM_SWAP,
	PROGRAM_TREE,
	PROGRAMS
};

#endif /* TASKS_ABI_H */
