#!/bin/bash
# tidy.sh BUILD
#
# The sources of the library and of the model pass the checks of .clang-tidy:
# the size limits of the house and the mistakes that a tool can find. BUILD holds
# the compile commands.
set -eu
export LC_ALL=C
cd "$(dirname "$0")/../.."

sources=$(find src model/src -name '*.c' | sort)
for source in $sources; do
	if ! grep -q "/$source\"" "$1/compile_commands.json"; then
		echo "FAIL $source is not among the compile commands"
		exit 1
	fi
done
# The analyzer gives up a function after a sixth of the usual number of states,
# which takes a sixth of the time. "N warnings generated" counts those in system
# headers; it is noise.
if ! printf '%s\n' "$sources" | xargs -n 2 -P "$(nproc)" \
	clang-tidy --quiet -p "$1" \
	--extra-arg=-Xclang --extra-arg=-analyzer-config \
	--extra-arg=-Xclang --extra-arg=max-nodes=40000 \
	2> >(grep -v 'warnings\? generated' >&2); then
	echo "FAIL: see above"
	exit 1
fi
echo "ok: $(echo "$sources" | wc -l) sources, $(clang-tidy --version |
	sed -n 's/.*LLVM version/clang-tidy/p')"
