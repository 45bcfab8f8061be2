#!/bin/bash
# includes.sh [ROOT]
#
# Dependencies point one way: reads every #include in ROOT/include and ROOT/src
# and holds it against includes.txt. That no cycle exists is tested twice: in
# the table, between modules, and in the sources, between files.
set -eu
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd)
cd "${1:-$here/../..}"

edges=$(mktemp)
trap 'rm -f "$edges"' EXIT

# "file:line:what", where what is <name>, "name" or a macro.
grep -rnE '^[[:space:]]*#[[:space:]]*include' include src \
	--include='*.[chS]' |
	sed -E 's/:[[:space:]]*#[[:space:]]*include[[:space:]]*/:/' |
	sort >"$edges"

bad=0
awk -F '|' '
function trim(text) {
	gsub(/^[ \t]+|[ \t]+$/, "", text)
	return text
}
# A shell pattern with * as a regular expression.
function regex(pattern) {
	gsub(/\./, "\\.", pattern)
	gsub(/\*/, ".*", pattern)
	return "^" pattern "$"
}
function module_of(file,    i) {
	for (i = 1; i <= patterns; i++) {
		if (file ~ pattern[i])
			return owner[i]
	}
	return ""
}
function is_door(file,    i) {
	for (i = 1; i <= doors; i++) {
		if (file ~ door[i])
			return 1
	}
	return 0
}
function fault(text) {
	print "FAIL " text
	faults++
}
# Where a name is looked up: the include path is include/, then src/.
function resolve(name,    i) {
	if (system("test -f include/" name) == 0)
		return "include/" name
	if (system("test -f src/" name) == 0)
		return "src/" name
	return ""
}
function judge(file, line, what,    at, name, to, from_module, to_module) {
	at = file ":" line ": "
	name = what
	if (what !~ /^[<"].*[>"]/) {
		if (file != "include/vmm/config.h")
			fault(at "includes by macro: " what)
		return
	}
	sub(/^[<"]/, "", name)
	sub(/[>"].*$/, "", name)
	if (name in freestanding)
		return
	if (!(name in where))
		where[name] = resolve(name)
	to = where[name]
	if (to == "") {
		fault(at name " is neither ours nor freestanding")
		return
	}
	if (file ~ /^include\// && to !~ /^include\//)
		fault(at "a public header includes the private " to)
	from_module = module_of(file)
	to_module = module_of(to)
	if (to_module == "")
		fault(at to " belongs to no module of includes.txt")
	else if (from_module != "" && !may[from_module, to_module])
		fault(at "module " from_module " may not use " to_module \
			" (" name ")")
	else if (from_module != to_module && to ~ /^src\// && !is_door(to))
		fault(at name " is private to module " to_module)
	print file, to >"/dev/stderr"
}

FNR == NR {
	sub(/#.*/, "")
	if (trim($0) == "")
		next
	m = trim($1)
	n = split(trim($2), list, /[ \t]+/)
	if (m == "system") {
		for (i = 1; i <= n; i++)
			freestanding[list[i]] = 1
		next
	}
	if (m == "doors") {
		for (i = 1; i <= n; i++)
			door[++doors] = regex(list[i])
		next
	}
	modules[++module_count] = m
	may[m, m] = 1
	for (i = 1; i <= n; i++) {
		pattern[++patterns] = regex(list[i])
		owner[patterns] = m
	}
	n = split(trim($3), list, /[ \t]+/)
	for (i = 1; i <= n; i++) {
		# Only modules of the lines above: so the table has no cycle.
		if (!((list[i], list[i]) in may))
			fault("includes.txt: " m " uses " list[i] \
				", which is not a module above it")
		for (j = 1; j <= module_count; j++)
			if (may[list[i], modules[j]])
				may[m, modules[j]] = 1
	}
	next
}
{
	file = $0
	sub(/:.*/, "", file)
	line = substr($0, length(file) + 2)
	what = line
	sub(/:.*/, "", line)
	sub(/^[0-9]*:/, "", what)
	if (!(file in seen)) {
		seen[file] = 1
		files++
		if (module_of(file) == "")
			fault(file " belongs to no module of includes.txt")
	}
	judge(file, line, what)
	count++
}
END {
	print count + 0 " includes in " files + 0 " files, " \
		module_count " modules"
	exit faults > 0 || count == 0
}' "$here/includes.txt" "$edges" 2>"$edges.files" || bad=1

# tsort orders the files so that each stands before what it includes, if it
# can.
if ! loop=$(tsort "$edges.files" 2>&1 >/dev/null); then
	echo "FAIL these files include each other:"
	printf '%s\n' "$loop"
	bad=1
fi
rm -f "$edges.files"
[ "$bad" -ne 0 ] || echo "ok: every include points down"
exit "$bad"
