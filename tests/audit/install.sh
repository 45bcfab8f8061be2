#!/bin/bash
# install.sh BUILD COMPILER
#
# The four ways into another project work: find_package() and pkg-config from
# an installed tree, add_subdirectory(), and the source list of vmm.cmake. Each
# builds the same small program and runs it.
set -eu
export LC_ALL=C
build=$1
compiler=$2
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
log=$work/log.txt
prefix=$work/prefix
bad=0

quietly() { # quietly COMMAND...: its output is shown only if it fails
	"$@" >"$log" 2>&1 || {
		cat "$log"
		return 1
	}
}

project() { # project NAME: the CMakeLists.txt that follows, built and run
	local dir=$work/$1

	mkdir "$dir"
	cp "$work/main.c" "$dir/"
	{
		echo "cmake_minimum_required(VERSION 3.24)"
		echo "project($1 C)"
		cat
	} >"$dir/CMakeLists.txt"
	quietly cmake -G Ninja -S "$dir" -B "$dir/build" \
		-DCMAKE_C_COMPILER="$compiler" -DCMAKE_PREFIX_PATH="$prefix" &&
		quietly cmake --build "$dir/build" &&
		judge "$1" "$dir/build/main"
}

judge() { # judge NAME PROGRAM
	local said

	said=$("$2") || said="status $?"
	if [ "$said" = "VMM_ENOSPC" ]; then
		echo "ok: $1"
	else
		echo "FAIL $1: the program says \"$said\""
		bad=1
	fi
}

cat >"$work/main.c" <<'END'
#include <stdio.h>
#include <vmm/error.h>

int main(void)
{
	return puts(vmm_err_name(VMM_ENOSPC)) < 0;
}
END

quietly cmake --install "$build" --prefix "$prefix"
headers=$(cd "$root/include" && find vmm -type f | sort)
installed=$(cd "$prefix/include" && find vmm -type f | sort)
if [ "$headers" = "$installed" ]; then
	echo "ok: $(echo "$headers" | wc -l) headers installed"
else
	echo "FAIL headers: installed (>) are not those of include/ (<)"
	diff <(echo "$headers") <(echo "$installed") || true
	bad=1
fi

project find_package <<'END' || bad=1
find_package(vmm 0.1 REQUIRED)
add_executable(main main.c)
target_link_libraries(main PRIVATE vmm::vmm)
END

# The MMU model comes with it, and its example builds from there.
project find_model <<END || bad=1
find_package(vmm 0.1 REQUIRED)
add_executable(main main.c)
target_link_libraries(main PRIVATE vmm::vmm)
add_executable(own_kernel "$root/model/examples/own_kernel.c")
target_link_libraries(own_kernel PRIVATE vmm::mmu_model)
END

project add_subdirectory <<END || bad=1
add_subdirectory("$root" vmm)
add_executable(main main.c)
target_link_libraries(main PRIVATE vmm::vmm)
END

project source_list <<END || bad=1
include("$root/vmm.cmake")
add_executable(main main.c \${VMM_SOURCES})
target_include_directories(main PRIVATE \${VMM_INCLUDES})
set_source_files_properties(\${VMM_SOURCES} PROPERTIES
  COMPILE_OPTIONS -ffreestanding)
END

# Looked for, because the folder's name differs between systems.
pc=$(dirname "$(find "$prefix" -name vmm.pc)")
flags=$(PKG_CONFIG_PATH=$pc pkg-config --cflags --libs vmm) || bad=1
# shellcheck disable=SC2086 # a list of flags
quietly "$compiler" "$work/main.c" $flags -o "$work/pkg_config" &&
	judge pkg-config "$work/pkg_config" || bad=1

if [ "$bad" -ne 0 ]; then
	echo "FAIL: see above"
fi
exit "$bad"
