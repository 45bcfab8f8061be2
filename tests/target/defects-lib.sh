# shellcheck shell=bash
# Does the demonstration bite? Each defect is one small edit to a copy of the
# tree; the demonstration must then end with a failure that says what is wrong.
# The unchanged copy goes first and must succeed. A defect whose edit no longer
# matches anything is a failure too: the row is stale.
#
# Sourced by the lists of defects, which set $mode, the paging mode, and $wanted,
# the names of the rows to try, or nothing for all; and $which, if it is not the
# demonstration's first kernel. They end with status $bad.
: "${mode:?}"
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/tree
bad=0

# Several times what a good boot takes: a defect may well hang.
export BOOT_TIMEOUT=${BOOT_TIMEOUT:-10}

demo() { # the demonstration's status and, in $last, its verdict
	local status=0

	"$tree/tools/demo" ${which:+"$which"} "$mode" </dev/null >"$work/log.txt" 2>&1 || status=$?
	last=$(tail -n 1 "$work/log.txt")
	return "$status"
}

wrong() {
	echo "FAIL $*"
	# shellcheck disable=SC2034 # for whoever sources this
	bad=1
}

# defect NAME FILE SED REGEX: with FILE edited by SED, the verdict is a failure
# whose reason matches REGEX.
defect() {
	local name=$1 file=$tree/$2

	case " ${wanted:-$name} " in
	*" $name "*) ;;
	*) return 0 ;;
	esac
	if [ ! -f "$file" ]; then
		wrong "$name: there is no $2"
		return
	fi
	cp "$file" "$work/saved"
	sed -E "$3" "$work/saved" >"$file"
	if cmp -s "$file" "$work/saved"; then
		wrong "$name: the edit matches nothing in $2: $3"
		return
	fi
	if demo; then
		wrong "$name: not noticed; the verdict is \"$last\""
	elif ! grep -Eq "^demo: $mode FAILED \((.*)\)\$" <<<"$last" ||
		! grep -Eq "$4" <<<"$last"; then
		wrong "$name: the verdict is \"$last\", not \"$4\""
		tail -n 20 "$work/log.txt"
	else
		echo "ok $name: $last"
	fi
	cp "$work/saved" "$file"
}

# Copy the tree, and see that it is good as it is.
start() {
	mkdir "$tree"
	tar -C "$root" --exclude=./build --exclude=./.git --exclude=./out -cf - . |
		tar -C "$tree" -xf -
	if demo; then
		echo "ok unchanged: $last"
	else
		cat "$work/log.txt"
		wrong "the unchanged tree: $last"
		exit 1
	fi
}
