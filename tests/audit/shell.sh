#!/bin/bash
# shell.sh
#
# Every script passes shellcheck.
set -eu
export LC_ALL=C
cd "$(dirname "$0")/../.."

if ! command -v shellcheck >/dev/null; then
	echo "FAIL: there is no shellcheck here"
	exit 1
fi
scripts=$(find .ci tools tests examples bench -type f -exec \
	grep -lE '^#!/bin/(ba)?sh|^# shellcheck shell=' {} + | sort)
# shellcheck disable=SC2086 # a list of files
shellcheck -x $scripts
echo "ok: $(echo "$scripts" | wc -l) scripts"
