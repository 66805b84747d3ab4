# faults.cmake - the gateway's BPF object with one seeded fault, for tests that must notice it.
get_directory_property(bpf_flags DIRECTORY ${CMAKE_SOURCE_DIR}/bpf DEFINITION TWINPATH_BPF_FLAGS)
set(seed_fault ${CMAKE_CURRENT_LIST_DIR}/seed_fault.cmake)

# twinpath_seed_faults(TARGET FOLDER): an object for each FOLDER/*.fault, in <build>/tests/<name of the folder>. Sets
# TARGET_count to their number, for a test that must have seen them all.
function(twinpath_seed_faults target folder)
  file(GLOB faults CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${folder}/*.fault)
  get_filename_component(into ${folder} NAME)
  set(objects)
  foreach(fault ${faults})
    get_filename_component(name ${fault} NAME_WE)
    set(tree ${CMAKE_CURRENT_BINARY_DIR}/${into}/${name})
    set(object ${CMAKE_CURRENT_BINARY_DIR}/${into}/${name}.bpf.o)
    # gateway.bpf.o stands for all the sources that it depends on
    add_custom_command(OUTPUT ${object}
      COMMAND ${CMAKE_COMMAND} -DSOURCE=${CMAKE_SOURCE_DIR} -DTARGET=${tree} -DFAULT=${fault} -P ${seed_fault}
      COMMAND ${TWINPATH_CLANG} -I${tree} ${bpf_flags} -c ${tree}/bpf/xdp/gateway.bpf.c -o ${object}
      DEPENDS ${fault} ${seed_fault} ${CMAKE_BINARY_DIR}/bpf/gateway.bpf.o
      COMMENT "BPF gateway with a fault: ${name}" VERBATIM)
    list(APPEND objects ${object})
  endforeach()
  list(LENGTH objects count)
  set(${target}_count ${count} PARENT_SCOPE)
  # the tests take whatever lies there: nothing of a fault that is gone
  file(GLOB former ${CMAKE_CURRENT_BINARY_DIR}/${into}/*.bpf.o)
  list(REMOVE_ITEM former ${objects})
  if(former)
    file(REMOVE ${former})
  endif()
  add_custom_target(${target} DEPENDS ${objects})
  add_dependencies(${target} twinpath_bpf_gateway)
endfunction()
twinpath_seed_faults(twinpath_bpf_faults differential/faults)
