# The benchmark of address spaces. Paths are those of bench/CMakeLists.txt.
vmm_bench(space array.c bench_space.c faults.c machine.c naive.c ours.c
  regions.c replay.c)

# The traces as text.
set(traces)
foreach(trace clang gcc node python shell)
  set(packed ${CMAKE_CURRENT_SOURCE_DIR}/space/traces/${trace}.txt.gz)
  set(text ${CMAKE_CURRENT_BINARY_DIR}/space-traces/${trace}.txt)
  add_custom_command(OUTPUT ${text} DEPENDS ${packed} VERBATIM
    COMMAND ${CMAKE_COMMAND} -E make_directory space-traces
    COMMAND sh -c "gzip -dc \"$0\" > \"$1\"" ${packed} ${text})
  list(APPEND traces ${text})
endforeach()
add_custom_target(space_traces DEPENDS ${traces})
add_dependencies(bench_space space_traces)
target_compile_definitions(bench_space PRIVATE
  SPACE_TRACES="${CMAKE_CURRENT_BINARY_DIR}/space-traces")
