# faults.cmake - the gateway's BPF object once for each faults/*.fault, in <build>/tests/faults (faults_test.cpp).
get_directory_property(bpf_flags DIRECTORY ${CMAKE_SOURCE_DIR}/bpf DEFINITION TWINPATH_BPF_FLAGS)
file(GLOB faults CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/faults/*.fault)
set(faulty_objects)
foreach(fault ${faults})
  get_filename_component(name ${fault} NAME_WE)
  set(tree ${CMAKE_CURRENT_BINARY_DIR}/faults/${name})
  set(object ${CMAKE_CURRENT_BINARY_DIR}/faults/${name}.bpf.o)
  # gateway.bpf.o stands for all the sources that it depends on
  add_custom_command(OUTPUT ${object}
    COMMAND ${CMAKE_COMMAND} -DSOURCE=${CMAKE_SOURCE_DIR} -DTARGET=${tree} -DFAULT=${fault}
      -P ${CMAKE_CURRENT_LIST_DIR}/seed_fault.cmake
    COMMAND ${TWINPATH_CLANG} -I${tree} ${bpf_flags} -c ${tree}/bpf/gateway.bpf.c -o ${object}
    DEPENDS ${fault} ${CMAKE_CURRENT_LIST_DIR}/seed_fault.cmake ${CMAKE_BINARY_DIR}/bpf/gateway.bpf.o
    COMMENT "BPF gateway with a fault: ${name}" VERBATIM)
  list(APPEND faulty_objects ${object})
endforeach()
add_custom_target(twinpath_bpf_faults DEPENDS ${faulty_objects})
add_dependencies(twinpath_bpf_faults twinpath_bpf_gateway)
