# Means by workload, a bar for each contender, on a logarithmic scale: the
# variables csv and out are given.
set terminal svg size 1100,460 font "sans,12" background "white"
set output out
set datafile separator "\t"
set style data histograms
set style histogram clustered gap 1.5
set style fill solid 0.85 border lt -1
set boxwidth 0.95
set logscale y
set yrange [1:5000]
set grid ytics lw 0.4
set ylabel "ns per call"
set xtics rotate by -25 scale 0
set key outside top center horizontal
set datafile missing "-"
table = "< awk -F, -v OFS='\t' 'BEGIN { w = \"pair bulk-get bulk-put bulk-put-random churn-50 churn-90 mixed mixed-small 2M-churn 1G-churn own-2-threads remote-free cross-free\"; n = split(w, ws, \" \"); c = \"stack/locked vmm/lifo vmm/split buddy bitmap list\"; m = split(c, cs, \" \"); } $4 == \"mean\" { v[$2, $3] = $5 } END { for (i = 1; i <= n; i++) { line = ws[i]; for (j = 1; j <= m; j++) line = line OFS ((ws[i], cs[j]) in v ? v[ws[i], cs[j]] : \"-\"); print line } }' ".csv
plot table using 2:xtic(1) title "array stack, locked" lc rgb "#bbbbbb", \
	"" using 3 title "libvmm, LIFO" lc rgb "#0060ad", \
	"" using 4 title "libvmm, split" lc rgb "#66aadd", \
	"" using 5 title "buddy, per-CPU lists" lc rgb "#dd7733", \
	"" using 6 title "bitmap, next fit" lc rgb "#77aa55", \
	"" using 7 title "list in the frames" lc rgb "#aa66aa"
