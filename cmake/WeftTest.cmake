# SPDX-License-Identifier: MIT
# Machinery of the tests.

# What runs in front of a test: a tool, or what runs another machine's programs here.
set(WEFT_TEST_LAUNCHER_USED ${WEFT_TEST_LAUNCHER})
if(NOT WEFT_TEST_LAUNCHER AND CMAKE_CROSSCOMPILING)
    set(WEFT_TEST_LAUNCHER_USED ${CMAKE_CROSSCOMPILING_EMULATOR})
endif()

# Tools that report by the exit status, or lose what they have gathered when a process executes itself anew, need our
# own main.
set(WEFT_TEST_MAIN_USED "${WEFT_TEST_MAIN}")
if(NOT WEFT_TEST_MAIN_USED)
    if(WEFT_SANITIZE OR WEFT_COVERAGE OR WEFT_TEST_LAUNCHER_USED OR CMAKE_CROSSCOMPILING)
        set(WEFT_TEST_MAIN_USED own)
    else()
        set(WEFT_TEST_MAIN_USED criterion)
    endif()
endif()
if(WEFT_TEST_MAIN_USED STREQUAL "criterion")
    pkg_check_modules(WEFT_CRITERION IMPORTED_TARGET criterion)
    if(NOT WEFT_CRITERION_FOUND)
        message(WARNING "Criterion is not installed: the tests are built with their own main")
        set(WEFT_TEST_MAIN_USED own)
    endif()
endif()

# The harness alone, and with what needs the library.
add_library(weft_test_harness STATIC EXCLUDE_FROM_ALL "${PROJECT_SOURCE_DIR}/tests/support/test.c")
target_include_directories(weft_test_harness PUBLIC "${PROJECT_SOURCE_DIR}")
target_link_libraries(weft_test_harness PUBLIC Threads::Threads)
if(WEFT_LTO)
    # Criterion finds its hooks through a section, which link-time optimisation takes for unused.
    target_compile_options(weft_test_harness PRIVATE -fno-lto)
endif()
if(WEFT_TEST_MAIN_USED STREQUAL "criterion")
    target_compile_definitions(weft_test_harness PUBLIC TEST_CRITERION=1)
    target_link_libraries(weft_test_harness PUBLIC PkgConfig::WEFT_CRITERION)
else()
    target_sources(weft_test_harness PRIVATE "${PROJECT_SOURCE_DIR}/tests/support/main.c")
endif()

add_library(weft_test_support OBJECT EXCLUDE_FROM_ALL "${PROJECT_SOURCE_DIR}/tests/support/support.c")
target_link_libraries(weft_test_support PUBLIC weft_test_harness weft::weft_static)

# How much longer tests may take.
set(WEFT_TEST_TIME_SCALE 1)
if(WEFT_SANITIZE STREQUAL "address")
    set(WEFT_TEST_TIME_SCALE 3)
elseif(WEFT_SANITIZE STREQUAL "thread")
    set(WEFT_TEST_TIME_SCALE 5)
elseif(WEFT_TEST_LAUNCHER_USED)
    set(WEFT_TEST_TIME_SCALE 10)
endif()

# ThreadSanitizer's shadow has no place for the mappings of kernels that randomise more than 28 bits of addresses.
set(WEFT_TSAN_LAUNCHER "")
if(EXISTS /proc/sys/vm/mmap_rnd_bits)
    execute_process(COMMAND cat /proc/sys/vm/mmap_rnd_bits OUTPUT_VARIABLE bits ERROR_QUIET
        OUTPUT_STRIP_TRAILING_WHITESPACE)
    if(bits GREATER 28)
        set(WEFT_TSAN_LAUNCHER setarch -R)
    endif()
endif()
set(test_launcher ${WEFT_TEST_LAUNCHER_USED})
if(WEFT_SANITIZE STREQUAL "thread")
    list(APPEND test_launcher ${WEFT_TSAN_LAUNCHER})
endif()
set(WEFT_TEST_COMMAND ${test_launcher} CACHE INTERNAL "What runs in front of a test")

set(WEFT_TEST_ENVIRONMENT
    "WEFT_TEST_TIME_SCALE=${WEFT_TEST_TIME_SCALE}"
    "ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1:check_initialization_order=1"
    "UBSAN_OPTIONS=print_stacktrace=1"
    "TSAN_OPTIONS=second_deadlock_stack=1:history_size=4")
if(CMAKE_CROSSCOMPILING)
    list(APPEND WEFT_TEST_ENVIRONMENT "WEFT_TEST_EMULATED=1")
endif()

# weft_add_test(NAME sched_deque SOURCES tests/sched/test_deque.c
#               [WORKERS 1 2 16] [LABELS ...] [STRESS | STRESS_SHORT] [SERIAL])
#
# Builds test_sched_deque from sources named from the top folder, and has ctest run it once with each number of
# workers (WEFT_TEST_WORKERS, see tests/support/support.h) as sched_deque/1 and so on. The label is quick, or stress
# where STRESS is given; STRESS_SHORT adds stress-short, the subset that tools/stress runs many times over: all of it
# must take no more than 3 s. One number of workers, 2 where it is among them, has the label once besides, for runs that
# are slow and take each test a single time. SERIAL keeps other tests away while it runs, for tests that measure time.
function(weft_add_test)
    cmake_parse_arguments(PARSE_ARGV 0 arg "STRESS;STRESS_SHORT;SERIAL" "NAME" "SOURCES;WORKERS;LABELS")
    if(arg_UNPARSED_ARGUMENTS OR NOT arg_NAME OR NOT arg_SOURCES)
        message(FATAL_ERROR "weft_add_test: bad arguments: ${ARGV}")
    endif()
    if(NOT arg_WORKERS)
        set(arg_WORKERS 1 2 16)
    endif()
    if(arg_STRESS_SHORT)
        list(APPEND arg_LABELS stress stress-short)
    elseif(arg_STRESS)
        list(APPEND arg_LABELS stress)
    else()
        list(APPEND arg_LABELS quick)
    endif()

    set(target test_${arg_NAME})
    list(TRANSFORM arg_SOURCES PREPEND "${PROJECT_SOURCE_DIR}/")
    add_executable(${target} ${arg_SOURCES})
    target_link_libraries(${target} PRIVATE weft_test_support weft_test_harness weft::weft_static
        PkgConfig::WEFT_LIBUV PkgConfig::WEFT_CK)
    target_compile_definitions(${target} PRIVATE $<$<BOOL:${WEFT_DEBUG}>:WEFT_DEBUG=1>)
    # All in one place, whichever folder names them.
    set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/tests")

    set(options "")
    if(WEFT_TEST_MAIN_USED STREQUAL "criterion")
        # One test at a time: ctest has the cores busy already.
        set(options --jobs 1)
    endif()
    math(EXPR limit "300 * ${WEFT_TEST_TIME_SCALE}")
    set(once 2)
    if(NOT once IN_LIST arg_WORKERS)
        list(GET arg_WORKERS 0 once)
    endif()
    foreach(workers IN LISTS arg_WORKERS)
        set(test "${arg_NAME}/${workers}")
        set(labels ${arg_LABELS})
        if(workers EQUAL once)
            list(APPEND labels once)
        endif()
        add_test(NAME "${test}" COMMAND ${WEFT_TEST_COMMAND} $<TARGET_FILE:${target}> ${options})
        set_tests_properties("${test}" PROPERTIES
            LABELS "${labels}"
            TIMEOUT ${limit}
            RUN_SERIAL "${arg_SERIAL}"
            ENVIRONMENT "WEFT_TEST_WORKERS=${workers};${WEFT_TEST_ENVIRONMENT}")
    endforeach()
endfunction()
