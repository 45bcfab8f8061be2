# What the trace "shell" shows: forks, most of them followed by exec.
count=0
for word in a b c d e f g h; do
	line=$(echo "$word" | tr a-h A-H | sed 's/$/!/')
	count=$((count + $(echo "$line" | wc -c)))
	(exit 0)
done
test "$count" -eq 24
