# table.awk: the CSV of a benchmark as tables in Markdown.
#
# Workloads whose rows have the same figures share a table, as do those that only
# lack the last ones of them. Each table has a row for each workload and
# contender and a column for each figure.
BEGIN {
	FS = ","
}

function show(value, unit,    digits) {
	if (unit == "instr")
		return sprintf(value < 100 ? "%.1f" : "%.0f", value)
	if (unit == "bytes")
		return sprintf("%.1f", value)
	if (unit != "ns")
		return sprintf("%.3f", value)
	unit = " ns"
	if (value >= 1000) {
		value /= 1000
		unit = " us"
	}
	if (value >= 1000) {
		value /= 1000
		unit = " ms"
	}
	return sprintf(value < 10 ? "%.2f%s" : value < 100 ? "%.1f%s" : \
		"%.0f%s", value, unit)
}

NR == 1 {
	next
}
{
	row = $2 FS $3
	if (row != last_row) {
		rows++
		workload[rows] = $2
		contender[rows] = $3
		last_row = row
	}
	shape[rows] = shape[rows] FS $4
	cells[rows] = cells[rows] " | " show($5, $6)
}
END {
	# The shapes that no other one continues are tables.
	for (i = 1; i <= rows; i++) {
		whole = 1
		for (k = 1; k <= rows; k++)
			if (shape[k] != shape[i] &&
			    index(shape[k] FS, shape[i] FS) == 1)
				whole = 0
		if (whole && !(shape[i] in seen)) {
			seen[shape[i]] = 1
			order[++shapes] = shape[i]
		}
	}
	for (s = 1; s <= shapes; s++) {
		head = substr(order[s], 2)
		count = gsub(FS, " | ", head) + 1
		if (s > 1)
			print ""
		print "| workload | contender | " head " |"
		rule = "|---|---|"
		for (k = 0; k < count; k++)
			rule = rule "---:|"
		print rule
		for (i = 1; i <= rows; i++) {
			if (done[i] || index(order[s] FS, shape[i] FS) != 1)
				continue
			done[i] = 1
			line = "| " workload[i] " | " contender[i] cells[i]
			have = gsub(FS, FS, shape[i])
			for (k = have; k < count; k++)
				line = line " | "
			print line " |"
		}
	}
}
