# The library as two lists, for any build system: compile VMM_SOURCES with
# VMM_INCLUDES on the include path, -ffreestanding and -fno-jump-tables (so that
# it holds no absolute address and can run before relocation). CMake users link
# the target vmm::vmm instead.
set(VMM_INCLUDES ${CMAKE_CURRENT_LIST_DIR}/include ${CMAKE_CURRENT_LIST_DIR}/src)
set(VMM_SOURCES
  src/boot/boot_check.c
  src/boot/boot_ram.c
  src/boot/boot_tables.c
  src/boot/dmap.c
  src/boot/fdt.c
  src/boot/fdt_cpu.c
  src/boot/fdt_mem.c
  src/boot/fdt_walk.c
  src/boot/layout.c
  src/boot/layout_dump.c
  src/core/error.c
  src/core/text.c
  src/pmem/memmap.c
  src/pmem/memmap_frames.c
  src/pmem/pmem.c
  src/pmem/pmem_block.c
  src/pmem/pmem_check.c
  src/pmem/pmem_dump.c
  src/pmem/pmem_init.c
  src/pmem/pmem_range.c
  src/pmem/pmem_run.c
  src/pmem/pmem_set.c
  src/pt/pt_check.c
  src/pt/pt_dump.c
  src/pt/pt_formats.c
  src/pt/pt_map.c
  src/pt/pt_object.c
  src/pt/pt_prot.c
  src/pt/pt_protect.c
  src/pt/pt_prune.c
  src/pt/pt_query.c
  src/pt/pt_range.c
  src/pt/pt_share.c
  src/pt/pt_split.c
  src/pt/pt_unmap.c
  src/rbtree/rbtree.c
  src/rbtree/rbtree_check.c
  src/vmem/vmem.c
  src/vmem/vmem_alloc.c
  src/vmem/vmem_check.c
  src/vmem/vmem_dump.c
  src/vmem/vmem_find.c
  src/vmem/vmem_free.c
  src/vmem/vmem_nodes.c
  src/vmem/vmem_trees.c
)
set(VMM_HEADERS
  include/vmm/boot.h
  include/vmm/config.h
  include/vmm/dmap.h
  include/vmm/error.h
  include/vmm/fdt.h
  include/vmm/layout.h
  include/vmm/memmap.h
  include/vmm/pmem.h
  include/vmm/port.h
  include/vmm/pt.h
  include/vmm/rbtree.h
  include/vmm/riscv.h
  include/vmm/tlb.h
  include/vmm/types.h
  include/vmm/vmem.h
  include/vmm/vmem_types.h
)
list(TRANSFORM VMM_SOURCES PREPEND ${CMAKE_CURRENT_LIST_DIR}/)
list(TRANSFORM VMM_HEADERS PREPEND ${CMAKE_CURRENT_LIST_DIR}/)
