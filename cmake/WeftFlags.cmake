# SPDX-License-Identifier: MIT
# Flags of every target below the top folder: library, tests, examples and benchmarks are built alike, because a
# sanitizer that sees only half of a program reports what is not there and misses what is.

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

add_compile_options("$<$<COMPILE_LANGUAGE:C>:-Wall;-Wextra;-Wshadow;-Wconversion;-Wstrict-prototypes;-Wmissing-prototypes;-Wold-style-definition;-Wpointer-arith;-Wundef;-Wvla>")
if(WEFT_WERROR)
    add_compile_options("$<$<COMPILE_LANGUAGE:C>:-Werror>")
endif()

# What a shared library costs over a static one: interposition. Nobody may replace weft's functions.
add_compile_options("$<$<COMPILE_LANGUAGE:C>:-fno-semantic-interposition>")

# Other compilations of the same sources, those of the planted faults, start from this list too.
set(WEFT_SANITIZE_FLAGS "")
set(WEFT_SANITIZE_FLAGS_ADDRESS
    -fsanitize=address,undefined -fno-sanitize-recover=all -O1 -g -fno-omit-frame-pointer)
set(WEFT_SANITIZE_FLAGS_THREAD
    -fsanitize=thread -O1 -g -fno-omit-frame-pointer)
if(WEFT_SANITIZE STREQUAL "address")
    set(WEFT_SANITIZE_FLAGS ${WEFT_SANITIZE_FLAGS_ADDRESS})
elseif(WEFT_SANITIZE STREQUAL "thread")
    set(WEFT_SANITIZE_FLAGS ${WEFT_SANITIZE_FLAGS_THREAD})
elseif(WEFT_SANITIZE)
    message(FATAL_ERROR "WEFT_SANITIZE is \"${WEFT_SANITIZE}\"; it must be empty, address or thread")
endif()
if(WEFT_SANITIZE_FLAGS)
    # The library's layouts depend on it, also in files that are themselves compiled without the sanitizer.
    string(TOUPPER "${WEFT_SANITIZE}" sanitizer)
    add_compile_definitions(WEFT_SANITIZE_${sanitizer}=1)
    add_compile_options(${WEFT_SANITIZE_FLAGS})
    add_link_options(${WEFT_SANITIZE_FLAGS})
endif()

if(WEFT_UCONTEXT)
    add_compile_definitions(WEFT_UCONTEXT=1) # for all: the layout of a context depends on it
endif()

if(WEFT_COVERAGE)
    # Counters are atomic because several threads run the same lines.
    add_compile_options("$<$<COMPILE_LANGUAGE:C>:--coverage;-fprofile-update=atomic>")
    add_link_options(--coverage)
endif()

if(WEFT_LTO)
    # Fat objects: the installed static library must also serve compilers that do not speak this one's format.
    if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
        add_compile_options("$<$<COMPILE_LANGUAGE:C>:-flto=auto;-ffat-lto-objects>")
        add_link_options(-flto=auto)
        # The plain ar does not index such objects, the compiler's own does.
        set(CMAKE_AR "${CMAKE_C_COMPILER_AR}")
        set(CMAKE_RANLIB "${CMAKE_C_COMPILER_RANLIB}")
    else()
        set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ON)
    endif()
endif()

# weft_uninstrumented(FILE...): compiles sources of the library without the thread sanitizer. For code that switches
# its fibers, and for CK, whose loads and stores it does not take for atomic.
function(weft_uninstrumented)
    if(WEFT_SANITIZE STREQUAL "thread")
        set_property(SOURCE ${ARGN} TARGET_DIRECTORY weft_objects APPEND PROPERTY COMPILE_OPTIONS -fno-sanitize=thread)
    endif()
endfunction()

# weft_not_across_files(FILE...): keeps sources out of link-time optimisation. For functions that must stay opaque to
# their callers, such as the reader of thread-locals: a compiler that sees its body may reuse its result.
function(weft_not_across_files)
    if(WEFT_LTO)
        set_property(SOURCE ${ARGN} TARGET_DIRECTORY weft_objects APPEND PROPERTY COMPILE_OPTIONS -fno-lto)
    endif()
endfunction()
