# seed_fault.cmake - copies common/ and bpf/ to TARGET and seeds the fault of FAULT there.
#
#   cmake -DSOURCE=<repository> -DTARGET=<folder> -DFAULT=<file.fault> -P seed_fault.cmake
#
# A .fault file: what is wrong, in one line; the file it is in; "--- is", the text that is there, exactly once;
# "--- becomes", the text that takes its place. Text that is not found is an error: a fault must keep up with the code.
file(READ "${FAULT}" fault)
if(NOT fault MATCHES "^([^\n]+)\n([^\n]+)\n--- is\n(.*)\n--- becomes\n(.*)$")
  message(FATAL_ERROR "${FAULT}: not a fault")
endif()
set(file "${CMAKE_MATCH_2}")
set(is "${CMAKE_MATCH_3}")
string(REGEX REPLACE "\n$" "" becomes "${CMAKE_MATCH_4}")

file(REMOVE_RECURSE "${TARGET}")
file(COPY "${SOURCE}/common" "${SOURCE}/bpf" DESTINATION "${TARGET}")
file(READ "${TARGET}/${file}" text)
string(FIND "${text}" "${is}" first)
string(FIND "${text}" "${is}" last REVERSE)
if(first EQUAL -1 OR NOT first EQUAL last)
  message(FATAL_ERROR "${FAULT}: its text must stand exactly once in ${file}")
endif()
string(REPLACE "${is}" "${becomes}" text "${text}")
file(WRITE "${TARGET}/${file}" "${text}")
