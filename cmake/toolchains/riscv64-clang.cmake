# Bare RISC-V with clang and lld; the two ABIs include this file after setting
# VMM_RISCV_FLAGS. -fpie keeps every address in the code relative to pc, so
# that a kernel can call the library before it runs at its link address. No
# small data: clang would put constants there, in a writable section.
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR riscv64)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
set(CMAKE_C_COMPILER clang)
set(CMAKE_C_COMPILER_TARGET riscv64-unknown-elf)
set(CMAKE_ASM_COMPILER clang)
set(CMAKE_ASM_COMPILER_TARGET riscv64-unknown-elf)
set(CMAKE_C_FLAGS_INIT
  "${VMM_RISCV_FLAGS} -mcmodel=medany -mno-relax -fpie -msmall-data-limit=0")
set(CMAKE_ASM_FLAGS_INIT "${VMM_RISCV_FLAGS} -mno-relax")
set(CMAKE_EXE_LINKER_FLAGS_INIT "-fuse-ld=lld -nostdlib -static")
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-riscv64)
