# SPDX-License-Identifier: MIT
# Building for this machine against musl, with the wrapper of the package musl-tools. libuv, CK and the kernel's
# headers come from tools/sysroot musl. Used by the preset musl.

set(CMAKE_C_COMPILER musl-gcc)
set(sysroot "${CMAKE_CURRENT_LIST_DIR}/../../build/sysroot/musl")
cmake_path(NORMAL_PATH sysroot)
set(CMAKE_C_FLAGS_INIT "-isystem ${sysroot}/include")
set(ENV{PKG_CONFIG_LIBDIR} "${sysroot}/lib/pkgconfig")
