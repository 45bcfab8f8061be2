#!/bin/bash
# readme_plants.sh COMPILER LIBRARY
#
# Do the tests of the README's example and of the sources that it shows bite? A
# README made here must pass, and each way to spoil it must be refused.
set -eu
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bad=0

cat >"$work/good.md" <<'END'
# A project

```c
int not_this_block;
```

<!-- example: hosted -->
```c
#include <stdio.h>
#include <vmm/error.h>

int main(void)
{
	puts(vmm_err_name(VMM_ENOMEM));
	return 0;
}
```

It prints:

<!-- output: hosted -->
```text
VMM_ENOMEM
```
END

compiler=$1
library=$2

try() { # try NAME: what the audit says, of the example or of the sources
	case $audit in
	example) "$here/readme.sh" "$work/$1.md" "$compiler" "$library" ;;
	*) "$here/readme_source.sh" "$work/$1.md" "$work" ;;
	esac 2>&1
}

expect() { # expect NAME REGEX SED: the spoilt README is refused
	local out

	sed "$3" "$work/good.md" >"$work/$1.md"
	if cmp -s "$work/good.md" "$work/$1.md"; then
		echo "FAIL $1: the edit changes nothing"
		bad=1
	elif out=$(try "$1"); then
		echo "FAIL $1: passed"
		bad=1
	elif ! grep -q "$2" <<<"$out"; then
		echo "FAIL $1: refused, but not for \"$2\":"
		printf '%s\n' "$out"
		bad=1
	else
		echo "ok $1: $(grep "$2" <<<"$out" | head -n 1)"
	fi
}

good() {
	local out

	if out=$(try good); then
		echo "ok good: $out"
	else
		echo "FAIL good:"
		printf '%s\n' "$out"
		bad=1
	fi
}

audit=example
good
expect no_example 'has no block for example.c' '/example: hosted/d'
expect no_output 'has no block for expected.txt' '/output: hosted/d'
expect no_fence 'has no block for example.c' '/^```c$/d'
expect other_output 'prints something else' 's/^VMM_ENOMEM$/VMM_EINVAL/'
expect bad_status 'ended with status 3' 's/return 0/return 3/'
expect does_not_build 'error:' 's/VMM_ENOMEM)/VMM_EMISSING)/'

# Thirty lines, of which one is a comment and one blank, and one more.
cat >"$work/process.c" <<'END'
int process_load(int n);

int process_load(int n)
{
	/* A comment. */

END
for ((i = 1; i < 30; i++)); do printf '\tn += %d;\n' "$i"; done \
	>>"$work/process.c"
printf '\treturn n;\n}\n\nint other(void)\n{\n\treturn 1;\n}\n' \
	>>"$work/process.c"
{
	printf '<!-- source: process.c process_load -->\n```c\n'
	sed -n '3,/^}/p' "$work/process.c"
	printf '```\n'
} >"$work/good.md"
audit=sources
good
expect no_source 'shows no source' '/source: /d'
expect no_function 'no function process_save' 's/process_load -->/process_save -->/'
expect no_file 'no function process_load in other.c' 's/process\.c/other.c/'
expect other_line 'shows another process_load' 's/n += 7;/n += 8;/'
expect line_less 'shows another process_load' '/n += 29;/d'
sed -i 's/^\tn += 29;/&\n\tn += 30;/' "$work/process.c"
sed -i 's/^\tn += 29;/&\n\tn += 30;/' "$work/good.md"
expect too_long 'has 31 lines, not thirty' '1i A README.'
exit "$bad"
