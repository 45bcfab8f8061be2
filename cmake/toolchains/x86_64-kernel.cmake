# An x86-64 kernel in the top 2 GiB: no red zone, no vector registers. Linked by
# lld itself: for this target, clang would ask the host's gcc to do it.
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR x86_64)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
set(CMAKE_C_COMPILER clang)
set(CMAKE_C_COMPILER_TARGET x86_64-unknown-elf)
set(CMAKE_ASM_COMPILER clang)
set(CMAKE_ASM_COMPILER_TARGET x86_64-unknown-elf)
set(CMAKE_C_FLAGS_INIT
  "-mno-red-zone -mgeneral-regs-only -mcmodel=kernel -fno-pic")
set(CMAKE_C_LINK_EXECUTABLE
  "ld.lld -static <LINK_FLAGS> <OBJECTS> -o <TARGET> <LINK_LIBRARIES>")
