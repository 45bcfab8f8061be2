/* SPDX-License-Identifier: MIT */
/*
 * All of libvmm, and the words in which it speaks. Include this one, or only
 * the headers of the parts that you use: none needs it.
 *
 * Numbers
 *   va, pa      a virtual, a physical address; 64 bits on every host
 *   pfn         a page frame number, pa >> 12
 *   range       (base, size) in bytes; its last byte may be at 2^64 - 1
 *   order       2^order frames or pages: 0 is 4 KiB, 9 is 2 MiB, 18 is 1 GiB
 *
 * Physical memory (memmap.h, pmem.h)
 *   frame       4 KiB of physical memory
 *   memory map  what firmware says: for each byte, is it RAM, and how strongly
 *               is it reserved (its kind)
 *   zone        a frame allocator over one window of physical memory
 *   managed     handed over to a zone: free, or in use by the kernel
 *   run         contiguous frames; aligned, if at a multiple of their number
 *   block       512 frames, the aligned 2 MiB
 *   magazine    a CPU's small stack of free runs in front of a zone
 *
 * Virtual memory (vmem.h, layout.h)
 *   layout      a table of areas: which addresses are for what
 *   arena       an allocator of addresses that it never touches
 *   span        addresses that an arena was given
 *   region      a part of a span, free or used; regions tile their span
 *   node        the arena's memory for one region, donated by the kernel
 *   guard       addresses of a region, at its ends, that nobody may touch
 *   place       where a region begins, behind its guard
 *   quantum     the unit in which an arena counts, often a page
 *
 * Page tables (pt.h, tlb.h, boot.h, dmap.h)
 *   format      Sv39 and so on, as a row of constants
 *   table       512 entries at some level; the highest is the root
 *   entry       absent, a pointer to a table, or a leaf
 *   leaf        an entry that maps: 4 KiB at level 0, 2 MiB at 1, 1 GiB at 2
 *   spare       a page in hand for a table to come
 *   gather      what a change made stale, and what waits for the flush
 *   borrowed,   root entries of another table, and root entries that other
 *   lent        tables use as well
 *   window      a physical range seen at a constant distance
 *   direct map  the windows through which the kernel sees physical memory
 *
 * Tasks (space.h, space_fault.h, space_object.h, segment.h)
 *   space       a task's addresses: regions, a page table, frames
 *   live table  the page table of a space that harts use
 *   kind        what a region of a space shows: zeros, a stack, an object, ...
 *   fault       an access that the live table does not allow: dealt with, or
 *               refused and told why (its cause)
 *   policy      the kernel's say in a fault
 *   object      memory that regions of any number of spaces show
 *   segment     a part of a space that grows, shrinks, is loaded and unloaded
 *   range       what a segment's own allocator hands out
 *   store       a table that no hart uses, for pages that are not loaded
 *   holder      an entry or an object that has a frame; the last one frees it
 *   copy on write
 *               a page is shared until somebody writes, and has a copy then
 *
 * Where to begin: port.h says what the kernel provides; memmap.h and fdt.h or
 * firmware.h where memory is; pmem.h and vmem.h hand it out; pt.h and tlb.h
 * bring the two together; boot.h and layouts.h start it all. The files of
 * examples/kernel/ use every one of them. Then space.h for tasks, on top of
 * these: space_types.h has its hooks, space_fault.h what a trap handler calls,
 * space_object.h images and shared memory, segment.h heaps. pt_explain.h and
 * vmm_space_explain() are for the day on which something is wrong.
 */
#ifndef VMM_VMM_H
#define VMM_VMM_H

#include <vmm/boot.h>
#include <vmm/config.h>
#include <vmm/dmap.h>
#include <vmm/error.h>
#include <vmm/fdt.h>
#include <vmm/firmware.h>
#include <vmm/layout.h>
#include <vmm/layouts.h>
#include <vmm/memmap.h>
#include <vmm/pmem.h>
#include <vmm/pmem_cache.h>
#include <vmm/pmem_frames.h>
#include <vmm/pmem_magazine.h>
#include <vmm/pmem_zone.h>
#include <vmm/pmem_zones.h>
#include <vmm/port.h>
#include <vmm/pt.h>
#include <vmm/pt_bytes.h>
#include <vmm/pt_explain.h>
#include <vmm/pt_format.h>
#include <vmm/pt_share.h>
#include <vmm/pt_upkeep.h>
#include <vmm/rbtree.h>
#include <vmm/riscv.h>
#include <vmm/segment.h>
#include <vmm/space.h>
#include <vmm/space_fault.h>
#include <vmm/space_object.h>
#include <vmm/space_types.h>
#include <vmm/tlb.h>
#include <vmm/types.h>
#include <vmm/vmem.h>
#include <vmm/vmem_cache.h>
#include <vmm/vmem_nest.h>
#include <vmm/x86.h>

#endif /* VMM_VMM_H */
