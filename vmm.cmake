# The library as two lists, for any build system: compile VMM_SOURCES with
# VMM_INCLUDES on the include path and -ffreestanding. CMake users link the
# target vmm::vmm instead.
set(VMM_INCLUDES ${CMAKE_CURRENT_LIST_DIR}/include ${CMAKE_CURRENT_LIST_DIR}/src)
set(VMM_SOURCES
  src/core/error.c
  src/core/text.c
)
set(VMM_HEADERS
  include/vmm/config.h
  include/vmm/error.h
  include/vmm/memmap.h
  include/vmm/port.h
  include/vmm/types.h
)
list(TRANSFORM VMM_SOURCES PREPEND ${CMAKE_CURRENT_LIST_DIR}/)
list(TRANSFORM VMM_HEADERS PREPEND ${CMAKE_CURRENT_LIST_DIR}/)
