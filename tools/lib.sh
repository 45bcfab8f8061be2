# shellcheck shell=bash
# What tools/bench, tools/demo and tools/test share: getting the programs that
# are missing, one line per step, and a verdict as the last line. Sourced, never
# run.
#
# A "thing" is a program, a header or an ability that the build needs. have()
# tests it by using it and asks no package manager: any system that has the
# things will do, and only one that lacks some needs apt.

export LC_ALL=C
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
logs=$root/build/log
mkdir -p "$logs"
CMAKE_BUILD_PARALLEL_LEVEL=$(nproc)
CTEST_PARALLEL_LEVEL=$(nproc)
export CMAKE_BUILD_PARALLEL_LEVEL CTEST_PARALLEL_LEVEL

# The verdict is the last line whatever happens: a command that fails under
# set -e and an interrupt included. Whoever starts something that may fail
# says so in $verdict first.
verdict='FAILED'
trap 'echo "$verdict"' EXIT
trap 'exit 130' INT TERM

fail() {
	verdict="$(basename "$0"): FAILED ($*)"
	exit 1
}

# The Debian packages that bring a thing.
packages_of() {
	case $1 in
	libc) echo libc6-dev ;;
	sanitizers) echo libclang-rt-dev ;;
	libfdt) echo libfdt-dev ;;
	firmware) echo qemu-system-data opensbi ;;
	ld.lld) echo lld ;;
	llvm-nm | llvm-readelf | llvm-size) echo llvm ;;
	ninja) echo ninja-build ;;
	qemu-system-riscv64 | qemu-system-riscv32) echo qemu-system-misc ;;
	qemu-system-x86_64) echo qemu-system-x86 ;;
	qemu-riscv64 | qemu-x86_64 | qemu-aarch64) echo qemu-user ;;
	dtc) echo device-tree-compiler ;;
	c++) echo clang g++ ;;
	libbsd) echo libbsd-dev ;;
	boost) echo libboost-dev ;;
	gnuplot) echo gnuplot-nox ;;
	riscv64-unknown-elf-gcc) echo gcc-riscv64-unknown-elf ;;
	*) echo "$1" ;; # called like the program
	esac
}

have_cmake() {
	local version

	version=$(cmake --version | sed -n '1s/[^0-9]*\([0-9.]*\).*/\1/p')
	printf '%s\n' 3.25 "$version" | sort -V -C
}

# What QEMU takes for -bios default.
have_firmware() {
	local dir

	while read -r dir; do
		if [ -e "$dir/opensbi-riscv64-generic-fw_dynamic.bin" ]; then
			return 0
		fi
	done < <(qemu-system-riscv64 -L help)
	return 1
}

compiles() { # compiles SOURCE [flags of clang ...]
	local source=$1

	shift
	printf '%s\n' "$source" | clang "$@" -x c - -o /dev/null
}

compiles_c++() { # compiles_c++ SOURCE
	printf '%s\n' "$1" | clang++ -x c++ - -fsyntax-only
}

have() {
	case $1 in
	c++) compiles_c++ '#include <set>' ;;
	boost) compiles_c++ '#include <boost/intrusive/rbtree.hpp>' ;;
	libbsd) compiles '#include <bsd/sys/tree.h>' -fsyntax-only ;;
	libc) compiles '#include <stdio.h>' -fsyntax-only ;;
	libfdt) compiles '#include <libfdt.h>' -fsyntax-only ;;
	sanitizers)
		compiles 'int main(void) { return 0; }' \
			-fsanitize=address,undefined
		;;
	firmware) have_firmware ;;
	cmake) have_cmake ;;
	*) command -v "$1" ;;
	esac >/dev/null 2>&1
}

missing() { # missing THING ...: those that are not there, in one line
	local thing out=

	for thing in "$@"; do
		case " $out " in
		*" $thing "*) continue ;;
		esac
		have "$thing" || out="$out $thing"
	done
	echo "${out# }"
}

as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	else
		sudo -n "$@"
	fi
}

# May we install? Say what to do if not, and ask for a password now, where
# the prompt can be seen.
may_install() { # may_install PACKAGES
	if ! command -v apt-get >/dev/null; then
		echo "There is no apt-get on this system. Please install what" \
			"Debian 12 calls: $1"
		return 1
	fi
	if [ "$(id -u)" -eq 0 ]; then
		return
	fi
	if ! command -v sudo >/dev/null ||
		{ ! sudo -n true 2>/dev/null && ! { [ -t 0 ] && sudo -v; }; }; then
		echo "Please run as root: apt-get install $1"
		return 1
	fi
}

# need THING ...: install what is missing, or say what to install.
need() {
	local things packages thing

	things=$(missing "$@")
	[ -n "$things" ] || return 0
	# shellcheck disable=SC2086 # a list of words, here and below
	packages=$(for thing in $things; do packages_of $thing; done |
		tr ' ' '\n' | sort -u | tr '\n' ' ')
	packages=${packages% }
	echo "missing: $things"
	may_install "$packages" || fail "missing: $things"
	# One broken source among many need not matter to us.
	attempt "apt-get update" apt-update as_root apt-get update ||
		echo "going on with the package lists that are there"
	# shellcheck disable=SC2086
	step "apt-get install $packages" apt-install as_root env \
		DEBIAN_FRONTEND=noninteractive apt-get install -y \
		--no-install-recommends $packages
	things=$(missing "$@")
	[ -n "$things" ] || return 0
	echo "Still missing after installing $packages: $things"
	case " $things " in
	*" cmake "*) echo "CMake must be 3.25 or newer." ;;
	esac
	fail "still missing: $things"
}

# attempt WHAT LOG COMMAND...: one line for people, everything else to
# build/log/LOG.txt. Fails if the command does.
attempt() {
	local what=$1 log=$logs/$2.txt start=$SECONDS

	shift 2
	printf '%s ...' "$what"
	if "$@" </dev/null >"$log" 2>&1; then
		printf ' %d s\n' $((SECONDS - start))
		return
	fi
	printf ' FAILED\n'
	return 1
}

# step WHAT LOG COMMAND...: an attempt that must not fail. If it does, its
# output is shown and that was it. Ninja marks where the interesting part
# starts.
step() {
	attempt "$@" && return
	if grep -q '^FAILED: ' "$logs/$2.txt"; then
		sed -n '/^FAILED: /,$p' "$logs/$2.txt"
	else
		cat "$logs/$2.txt"
	fi
	fail "$1; log: build/log/$2.txt"
}
