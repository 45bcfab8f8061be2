#!/bin/bash
# readme_plants.sh COMPILER LIBRARY
#
# Does the test of the README's example bite? A README made here must pass, and
# each way to spoil it must be refused.
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

try() { # try NAME: what the audit says
	"$here/readme.sh" "$work/$1.md" "$compiler" "$library" 2>&1
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

if out=$(try good); then
	echo "ok good: $out"
else
	echo "FAIL good:"
	printf '%s\n' "$out"
	bad=1
fi
expect no_example 'has no block for example.c' '/example: hosted/d'
expect no_output 'has no block for expected.txt' '/output: hosted/d'
expect no_fence 'has no block for example.c' '/^```c$/d'
expect other_output 'prints something else' 's/^VMM_ENOMEM$/VMM_EINVAL/'
expect bad_status 'ended with status 3' 's/return 0/return 3/'
expect does_not_build 'error:' 's/VMM_ENOMEM)/VMM_EMISSING)/'
exit "$bad"
