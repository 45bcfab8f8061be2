# rv64gc with the double-float ABI: what Linux distributions, xv6 and LK use.
set(VMM_RISCV_FLAGS "-march=rv64gc -mabi=lp64d")
include(${CMAKE_CURRENT_LIST_DIR}/riscv64-clang.cmake)
