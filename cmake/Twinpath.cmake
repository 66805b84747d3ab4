# What every folder uses to declare itself.

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(nlohmann_json REQUIRED)
pkg_check_modules(LIBBPF REQUIRED IMPORTED_TARGET libbpf)
pkg_check_modules(LIBNL REQUIRED IMPORTED_TARGET libnl-route-3.0 libnl-genl-3.0)

option(TWINPATH_WERROR "warnings are errors" ON)
set(TWINPATH_SANITIZE "" CACHE STRING "value of -fsanitize=, empty for none")

add_library(twinpath_options INTERFACE)
# -Wrestrict: g++ 12 warns falsely about std::string in templates (GCC bug 105329)
target_compile_options(twinpath_options INTERFACE -Wall -Wextra -Wpedantic -Wno-variadic-macros
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>
  $<$<BOOL:${TWINPATH_WERROR}>:-Werror>)
if(TWINPATH_SANITIZE)
  # g++ warns falsely about uninitialised values in instrumented code (its manual says so of -fsanitize)
  target_compile_options(twinpath_options INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
  target_compile_options(twinpath_options INTERFACE -fsanitize=${TWINPATH_SANITIZE} -fno-omit-frame-pointer
    -fno-sanitize-recover=all)
  target_link_options(twinpath_options INTERFACE -fsanitize=${TWINPATH_SANITIZE})
  if(TWINPATH_SANITIZE MATCHES thread)
    # g++ says that the thread sanitizer does not see fences. Ours stand between acquiring loads, which it does see;
    # Asio's stand beside its locks
    target_compile_options(twinpath_options INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-tsan>)
  endif()
endif()

option(TWINPATH_FUZZ "build tests/fuzz; needs clang (scripts/fuzz)" OFF)
if(TWINPATH_FUZZ)
  target_compile_options(twinpath_options INTERFACE -fsanitize=fuzzer-no-link)
endif()

# twinpath_library(base DEPENDS fmt::fmt): the sources of this folder and the folders in it as library twinpath_base.
function(twinpath_library name)
  cmake_parse_arguments(ARG "" "" "DEPENDS" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  if(sources)
    add_library(twinpath_${name} STATIC ${sources})
    set(scope PUBLIC)
  else()
    add_library(twinpath_${name} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_include_directories(twinpath_${name} ${scope} ${CMAKE_SOURCE_DIR}/userspace ${CMAKE_SOURCE_DIR})
  target_link_libraries(twinpath_${name} ${scope} twinpath_options ${ARG_DEPENDS})
endfunction()

# twinpath_test(unit/parse_test.cpp DEPENDS twinpath_common LABELS privileged): one program per test file.
function(twinpath_test source)
  cmake_parse_arguments(ARG "" "TIMEOUT" "DEPENDS;LABELS" ${ARGN})
  get_filename_component(folder ${source} DIRECTORY)
  get_filename_component(file ${source} NAME_WE)
  set(name ${folder}_${file})
  add_executable(${name} ${CMAKE_CURRENT_SOURCE_DIR}/${source})
  target_link_libraries(${name} PRIVATE twinpath_test_main ${ARG_DEPENDS})
  add_test(NAME ${name} COMMAND ${name})
  if(NOT "privileged" IN_LIST ARG_LABELS)
    add_dependencies(plain_tests ${name})
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  set_tests_properties(${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${folder};${ARG_LABELS}"
    SKIP_REGULAR_EXPRESSION "SKIPPED:")
endfunction()
