# rv64imac with the soft-float ABI: what kernels without a floating-point
# context use.
set(VMM_RISCV_FLAGS "-march=rv64imac -mabi=lp64")
include(${CMAKE_CURRENT_LIST_DIR}/riscv64-clang.cmake)
