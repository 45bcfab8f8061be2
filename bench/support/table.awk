# table.awk: the CSV of a benchmark as tables in Markdown.
#
# Workloads whose rows have the same figures share a table; each table has a
# row for each workload and contender and a column for each figure.
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
	for (i = 1; i <= rows; i++) {
		if (!(shape[i] in seen)) {
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
		while (count-- > 0)
			rule = rule "---:|"
		print rule
		for (i = 1; i <= rows; i++)
			if (shape[i] == order[s])
				print "| " workload[i] " | " contender[i] \
					cells[i] " |"
	}
}
