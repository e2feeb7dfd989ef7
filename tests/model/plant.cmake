# SPDX-License-Identifier: MIT
# cmake -DFROM=file -DTO=file -DMATCH=text -DREPLACE=text -P plant.cmake
#
# Copies a source with a fault planted in it: MATCH, which must be there exactly once, becomes REPLACE. Line breaks and runs
# of blanks are all the same to it.
file(READ "${FROM}" text)
string(REGEX REPLACE "[][\\.*+?^$|(){}]" "\\\\\\0" pattern "${MATCH}")
string(REGEX REPLACE "[ \t\n]+" "[ \t\n]+" pattern "${pattern}")
# A semicolon would make lists of what is found.
string(ASCII 1 semicolon)
string(REPLACE ";" "${semicolon}" text "${text}")
string(REPLACE ";" "${semicolon}" pattern "${pattern}")
string(REPLACE ";" "${semicolon}" REPLACE "${REPLACE}")
string(REGEX MATCHALL "${pattern}" found "${text}")
list(LENGTH found times)
if(NOT times EQUAL 1)
    message(FATAL_ERROR "${FROM} has ${times} places, not one, for the planted fault:\n${MATCH}\n"
        "Plant it anew: tests/model/CMakeLists.txt.")
endif()
string(REPLACE "${found}" "${REPLACE}" text "${text}")
string(REPLACE "${semicolon}" ";" text "${text}")
file(WRITE "${TO}" "${text}")
