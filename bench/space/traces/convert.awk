# convert.awk: what strace saw, as a trace (README.md).
#
# Variables: interp, the program interpreter's path, and base, where it is. The
# numbers are below 2^53, so that awk's arithmetic is exact. An address space is
# known by the first thread that was in it.

function hex(text,    i, n) {
	sub(/^0x/, "", text)
	n = 0
	for (i = 1; i <= length(text); i++)
		n = n * 16 + index("0123456789abcdef", \
			substr(text, i, 1)) - 1
	return n
}

function number(text) {
	gsub(/ /, "", text)
	return text ~ /^0x/ ? hex(text) : text == "NULL" ? 0 : text + 0
}

function show(n,    text, digit) {
	do {
		digit = n % 16
		text = substr("0123456789abcdef", digit + 1, 1) text
		n = (n - digit) / 16
	} while (n > 0)
	return text
}

function down(n) {
	return n - n % 4096
}

function up(n) {
	return down(n + 4095)
}

function prot_of(text) {
	return (text ~ /PROT_READ/ ? "r" : "-") \
		(text ~ /PROT_WRITE/ ? "w" : "-") \
		(text ~ /PROT_EXEC/ ? "x" : "-")
}

function file_of(path) {
	if (!(path in files))
		files[path] = ++file_count
	return files[path]
}

# The address space of a thread, as a number.
function space_of(pid) {
	if (!(pid in space)) {
		space[pid] = ++space_count
		users[space_count] = 1
	}
	return space[pid]
}

function map(pid, at, size, prot, flags, rest) {
	print "m", space_of(pid), show(at), show(size), prot, flags rest
}

# The segments of a program at their addresses, as the kernel maps them.
function image(pid, path, at,    cmd, line, f, n, off, va, file, mem, prot,
		first, last, over) {
	cmd = "readelf -lW '" path "' 2>/dev/null"
	while ((cmd | getline line) > 0) {
		if (line ~ /Elf file type is EXEC/)
			at = 0
		n = split(line, f, " ")
		if (f[1] != "LOAD")
			continue
		off = hex(f[2])
		va = hex(f[3]) + at
		file = hex(f[5])
		mem = hex(f[6])
		prot = (line ~ / R/ ? "r" : "-") (line ~ / R?W/ ? "w" : "-") \
			(line ~ /E +0x/ ? "x" : "-")
		first = down(va)
		last = up(va + file)
		over = up(va + mem)
		map(pid, first, last - first, prot, "pf", \
			" " file_of(path) " " show(down(off)))
		if (over > last)
			map(pid, last, over - last, prot, "paf", "")
	}
	close(cmd)
}

function leave(pid,    s) {
	s = space_of(pid)
	delete space[pid]
	if (--users[s] == 0)
		print "-", s
}

function exec(pid, path,    s) {
	# A child of vfork() lived in its parent's space until now.
	s = space_of(pid)
	if (users[s] > 1 && borrowed[pid]) {
		users[s]--
		delete space[pid]
		s = space_of(pid)
	}
	borrowed[pid] = 0
	print "x", s
	brk_start[s] = brk_end[s] = 0
	map(pid, hex("7fffff7ff000"), hex("800000"), "rw-", "pag", "")
	image(pid, path, hex("555555554000"))
	image(pid, interp, hex(base))
}

function clone(pid, child, args,    from, to) {
	if (child + 0 <= 0 || child in space)
		return
	from = space_of(pid)
	if (args ~ /CLONE_VM/) {
		space[child] = from
		users[from]++
		borrowed[child] = args ~ /CLONE_VFORK/
		return
	}
	to = space_of(child)
	brk_start[to] = brk_start[from]
	brk_end[to] = brk_end[from]
	print "+", to, from
}

function mmap(pid, args, at,    a, flags, path, rest) {
	split(args, a, /, */)
	flags = (a[4] ~ /MAP_SHARED/ ? "s" : "p")
	if (a[4] ~ /MAP_ANON/)
		flags = flags "a"
	else {
		path = a[5]
		sub(/^[0-9]+</, "", path)
		sub(/>.*$/, "", path)
		rest = " " file_of(path) " " show(number(a[6]))
	}
	if (a[4] ~ /MAP_FIXED/ && a[4] !~ /NOREPLACE/)
		flags = flags "f"
	else if (number(a[1]) != 0)
		flags = flags "h"
	map(pid, number(at), up(number(a[2])), prot_of(a[3]), flags, rest)
}

function brk(pid, at,    s) {
	s = space_of(pid)
	at = up(number(at))
	if (brk_start[s] == 0)
		brk_start[s] = brk_end[s] = at
	if (at == brk_end[s])
		return
	print "b", s, show(brk_start[s]), show(at - brk_start[s])
	brk_end[s] = at
}

function mremap(pid, args, to,    a) {
	split(args, a, /, */)
	print "r", space_of(pid), show(number(a[1])), \
		show(up(number(a[2]))), show(number(to)), \
		show(up(number(a[3])))
}

function range(verb, pid, args, prot,    a) {
	split(args, a, /, */)
	if (number(a[2]) == 0)
		return
	print verb, space_of(pid), show(number(a[1])), \
		show(up(number(a[2]))) (verb == "p" ? " " prot_of(a[3]) : "")
}

# One call: NAME(ARGS) = RESULT
function call(pid, text, begun,    name, args, result) {
	name = text
	sub(/\(.*/, "", name)
	args = text
	sub(/^[a-z0-9_]*\(/, "", args)
	result = args
	if (begun) {
		# Addresses are free for others before the call returns.
		result = 0
	} else {
		sub(/^.*\) += /, "", result)
		sub(/\) += [^=]*$/, "", args)
		sub(/ .*/, "", result)
	}
	if (result ~ /^-/ || result == "?")
		return
	if (name == "mmap")
		mmap(pid, args, result)
	else if (name == "munmap")
		range("u", pid, args)
	else if (name == "mprotect")
		range("p", pid, args)
	else if (name == "madvise" && args ~ /MADV_DONTNEED/)
		range("d", pid, args)
	else if (name == "mremap")
		mremap(pid, args, result)
	else if (name == "brk")
		brk(pid, result)
	else if (name == "execve") {
		sub(/^"/, "", args)
		sub(/".*/, "", args)
		exec(pid, args)
	} else if (name ~ /^(clone|clone3|fork|vfork)$/) {
		if (name == "vfork")
			args = "CLONE_VM|CLONE_VFORK"
		clone(pid, result, args)
	}
}

{
	pid = $1
	text = $0
	sub(/^[0-9]+ +/, "", text)
	# A child may be seen before the call that made it returns.
	if (space_count > 0 && !(pid in space) && making != "") {
		name = waiting[making]
		clone(making, pid, name ~ /^vfork/ ? \
			"CLONE_VM|CLONE_VFORK" : name)
	}
}
text ~ /^\+\+\+ (exited|killed)/ {
	leave(pid)
	next
}
text ~ /^(---|\+\+\+)/ {
	next
}
text ~ /<unfinished \.\.\.>$/ {
	sub(/ *<unfinished \.\.\.>$/, "", text)
	if (text ~ /^munmap/)
		call(pid, text, 1)
	if (text ~ /^(clone|clone3|fork|vfork)\(/)
		making = pid
	waiting[pid] = text
	next
}
text ~ /^<\.\.\. .* resumed>/ {
	sub(/^<\.\.\. [a-z0-9_]* resumed>/, "", text)
	if (waiting[pid] !~ /^munmap/)
		call(pid, waiting[pid] text, 0)
	next
}
{
	call(pid, text, 0)
}
