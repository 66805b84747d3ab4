# How a folder builds BPF objects, with the newest clang found, and their libbpf skeletons.
find_program(TWINPATH_CLANG NAMES clang-19 clang-18 clang-17 clang-16 clang-15 clang-14 clang REQUIRED)
find_program(TWINPATH_BPFTOOL NAMES bpftool PATHS /usr/sbin REQUIRED)
set(TWINPATH_BPF_FLAGS -target bpf -mcpu=v3 -O2 -g -Wall -Wextra -Werror -Wno-unused-function
  -I/usr/include/${CMAKE_LIBRARY_ARCHITECTURE} -I${CMAKE_SOURCE_DIR})

# twinpath_bpf_object(gateway gateway.bpf.c DEFINES ...): gateway.bpf.o and gateway.skel.h in the folder's build directory.
# Who links twinpath_bpf (bpf/CMakeLists.txt) waits for all of them.
function(twinpath_bpf_object name source)
  cmake_parse_arguments(ARG "" "" "DEFINES" ${ARGN})
  set(object ${CMAKE_CURRENT_BINARY_DIR}/${name}.bpf.o)
  set(skeleton ${CMAKE_CURRENT_BINARY_DIR}/${name}.skel.h)
  add_custom_command(OUTPUT ${object}
    COMMAND ${TWINPATH_CLANG} ${TWINPATH_BPF_FLAGS} ${ARG_DEFINES} -MD -MF ${object}.d -c
      ${CMAKE_CURRENT_SOURCE_DIR}/${source} -o ${object}
    DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${source} DEPFILE ${object}.d COMMENT "BPF ${name}" VERBATIM)
  add_custom_command(OUTPUT ${skeleton}
    COMMAND ${TWINPATH_BPFTOOL} gen skeleton ${object} name ${name}_bpf > ${skeleton}.tmp
    COMMAND ${CMAKE_COMMAND} -E rename ${skeleton}.tmp ${skeleton}
    DEPENDS ${object} COMMENT "skeleton ${name}" VERBATIM)
  add_custom_target(twinpath_bpf_${name} ALL DEPENDS ${skeleton})
  add_dependencies(twinpath_bpf twinpath_bpf_${name})
endfunction()
