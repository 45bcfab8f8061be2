#!/bin/bash
# format.sh
#
# Every C and C++ file has the layout that .clang-format gives it. Versions of
# clang-format differ in small ways; 14, which is Debian 12's, decides.
set -eu
export LC_ALL=C
cd "$(dirname "$0")/../.."

format=
for program in clang-format-14 clang-format; do
	if "$program" --version 2>/dev/null | grep -q 'version 14\.'; then
		format=$program
		break
	fi
done
if [ -z "$format" ]; then
	echo "FAIL: there is no clang-format 14 here"
	exit 1
fi

files=$(find include src model tests examples bench -name '*.[ch]' -o \
	-name '*.cc' | sort)
# shellcheck disable=SC2086 # a list of files
if ! "$format" --dry-run -Werror $files; then
	echo "FAIL: see above; \"$format -i FILE\" mends a file"
	exit 1
fi
echo "ok: $(echo "$files" | wc -l) files, $("$format" --version)"
