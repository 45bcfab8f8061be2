# The benchmark of address regions. Paths are those of bench/CMakeLists.txt.

# The contenders of vmem are checked before they are measured.
add_library(bench_vmem_peers STATIC vmem/floor.c vmem/ours.c vmem/plain.c
  vmem/state.c vmem/tlsf.c vmem/tree_boost.cc vmem/tree_bsd.c vmem/tree_ours.c
  vmem/tree_std.cc)
target_link_libraries(bench_vmem_peers PUBLIC bench_support)
set_target_properties(bench_vmem_peers PROPERTIES C_EXTENSIONS OFF
  CXX_STANDARD 17 CXX_EXTENSIONS OFF)
add_executable(check_vmem_peers vmem/check_peers.c)
target_link_libraries(check_vmem_peers PRIVATE bench_vmem_peers)
add_test(NAME ${VMM_TEST_PREFIX}.check_vmem_peers COMMAND check_vmem_peers)
set_tests_properties(${VMM_TEST_PREFIX}.check_vmem_peers PROPERTIES
  LABELS "${VMM_TEST_PREFIX}" TIMEOUT 120)

vmm_bench(vmem bench_vmem.c trees.c)
target_link_libraries(bench_vmem PRIVATE bench_vmem_peers)
