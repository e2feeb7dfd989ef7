# SPDX-License-Identifier: MIT
# Building for aarch64 (Debian's and Ubuntu's cross compiler, or clang with its libraries) and running what is built
# under qemu's user emulation. libuv and CK come from tools/sysroot aarch64. Used by the presets aarch64, aarch64-clang.

set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)

if(NOT DEFINED CMAKE_C_COMPILER)
    set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
endif()
# Clang serves every machine; for gcc these say nothing.
set(CMAKE_C_COMPILER_TARGET aarch64-linux-gnu)
set(CMAKE_ASM_COMPILER_TARGET aarch64-linux-gnu)

# Signed return addresses and landing pads, so that the emulator checks that they outlive a switch of stacks.
set(CMAKE_C_FLAGS_INIT -mbranch-protection=standard)

set(sysroot "${CMAKE_CURRENT_LIST_DIR}/../../build/sysroot/aarch64")
cmake_path(NORMAL_PATH sysroot)
set(CMAKE_FIND_ROOT_PATH "${sysroot}" /usr/aarch64-linux-gnu)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
# In place of pkg-config's own folders, not before them: this machine's libraries must not be found.
set(ENV{PKG_CONFIG_LIBDIR} "${sysroot}/lib/pkgconfig")

# The largest processor that it knows: with LSE, PAC and BTI. PAC by its quick algorithm; the real one is slow to emulate.
# On one core, because its accesses are not as ordered as an aarch64's.
cmake_path(SET one_core NORMALIZE "${CMAKE_CURRENT_LIST_DIR}/../../tests/support/on_one_core")
set(CMAKE_CROSSCOMPILING_EMULATOR ${one_core};qemu-aarch64;-cpu;max,pauth-impdef=on;-L;/usr/aarch64-linux-gnu)
