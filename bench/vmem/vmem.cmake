# The benchmark of address regions. Paths are those of bench/CMakeLists.txt.

# The contenders of vmem are checked before they are measured.
add_library(bench_vmem_peers STATIC vmem/floor.c vmem/ours.c
  vmem/ours_threads.c vmem/plain.c vmem/state.c vmem/tlsf.c vmem/tlsf_full.c vmem/tree_boost.cc
  vmem/tree_bsd.c vmem/tree_ours.c vmem/tree_std.cc)
target_link_libraries(bench_vmem_peers PUBLIC bench_support)
set_target_properties(bench_vmem_peers PROPERTIES C_EXTENSIONS OFF
  CXX_STANDARD 17 CXX_EXTENSIONS OFF)
add_executable(check_vmem_peers vmem/check_peers.c)
target_link_libraries(check_vmem_peers PRIVATE bench_vmem_peers)
add_test(NAME ${VMM_TEST_PREFIX}.check_vmem_peers COMMAND check_vmem_peers)
set_tests_properties(${VMM_TEST_PREFIX}.check_vmem_peers PROPERTIES
  LABELS "${VMM_TEST_PREFIX}" TIMEOUT 120)

vmm_bench(vmem adversaries.c bench_vmem.c calls.c churn.c frag.c goals.c
  growth.c lookup.c pages.c script.c text.c threads.c traces.c trees.c)
target_link_libraries(bench_vmem PRIVATE bench_vmem_peers Threads::Threads)

# The traces as text.
set(traces)
foreach(trace clang gitgcmm make python)
  set(packed ${CMAKE_CURRENT_SOURCE_DIR}/vmem/traces/${trace}.txt.gz)
  set(text ${CMAKE_CURRENT_BINARY_DIR}/traces/${trace}.txt)
  add_custom_command(OUTPUT ${text} DEPENDS ${packed} VERBATIM
    COMMAND ${CMAKE_COMMAND} -E make_directory traces
    COMMAND sh -c "gzip -dc \"$0\" > \"$1\"" ${packed} ${text})
  list(APPEND traces ${text})
endforeach()
add_custom_target(vmem_traces DEPENDS ${traces})
add_dependencies(bench_vmem vmem_traces)

# The bytes of code that the module is, for rv64.
set(module ${VMM_SOURCES})
list(FILTER module INCLUDE REGEX "/src/(vmem|rbtree)/")
set(text ${CMAKE_CURRENT_BINARY_DIR}/vmem_text.txt)
add_custom_target(vmem_text BYPRODUCTS ${text} VERBATIM
  COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/support/text-size ${CMAKE_C_COMPILER}
    ${text} ${module})
add_dependencies(bench_vmem vmem_text)

target_compile_definitions(bench_vmem PRIVATE VMEM_TEXT="${text}"
  VMEM_TRACES="${CMAKE_CURRENT_BINARY_DIR}/traces")
