# The plot of the benchmark of address regions. Given: csv and out.
set terminal svg size 1100,1060 font "sans,13" background "white"
set output out

# The figure of a contender on each of some workloads; in the order asked for.
workloads = "page-100 page-10k page-1m mix-100 mix-10k mix-1m \
trace-clang trace-python trace-make trace-gitgcmm"
rows(contender, list) = "< awk -F, -v c='".contender."' -v list='".list. \
	"' 'BEGIN { n = split(list, w, \" \") } $3 == c && $4 == \"mean\" \
	{ v[$2] = $5 } END { for (i = 1; i <= n; i++) { \
	name = w[i]; sub(/trace-/, \"\", name); \
	print name, w[i] in v ? v[w[i]] : \"?\" } }' ".csv

# The worst and the mean call in instructions, by the number of regions.
growth(contender, what) = "< awk -F, -v c='".contender."' -v what='".what. \
	"' '$2 == \"growth-all\" && $3 == c && index($4, what \"-\") == 1 \
	{ n = substr($4, length(what) + 2); sub(/k$/, \"e3\", n); \
	sub(/m$/, \"e6\", n); print n, $5 }' ".csv

tlsf = "#999999"
plain = "#444444"
handle = "#d55e00"
sized = "#e69f00"
address = "#f0c75e"
nocache = "#0072b2"
nocache_address = "#7cc0ea"

set multiplot layout 2,1
set style data histogram
set style histogram clustered gap 1.5
set style fill solid 1 noborder
set boxwidth 0.95
set datafile missing "?"
set grid ytics lc rgb "#bbbbbb"
set border 3
set tics nomirror
set logscale y
set yrange [1:2000]
set key outside top center horizontal
set ylabel "ns per call"
set xlabel "page: single pages, mix: 1 to 1024 pages, by the number of live \
regions; traces of programs"
set title "Allocate and free: mean of a call, less is better" font ",16"
plot for [i=1:7] \
	rows(word("tlsf/handle ours/handle ours/sized ours/address \
nocache/handle nocache/address plain/address", i), workloads) \
	using 2:xtic(1) linecolor rgb word(tlsf." ".handle." ".sized." ". \
	address." ".nocache." ".nocache_address." ".plain, i) \
	title word("tlsf/handle ours/handle ours/sized ours/address \
nocache/handle nocache/address plain/address", i)

set style data linespoints
set logscale x
set xrange [700:1400000]
set yrange [50:10000]
set xtics ("1000" 1e3, "10000" 1e4, "100000" 1e5, "1000000" 1e6)
set xlabel "regions in the arena"
set ylabel "instructions of a call"
set title "The worst call of all adversaries without alignments (solid), and \
the mean of random calls (dashed)" font ",16"
set label "log_2 n" at 1.02e6,7200 textcolor rgb "#777777"
plot 300 * log(x) / log(2) with lines lw 1 dt 3 lc rgb "#777777" notitle, \
	growth("ours/handle", "worst") lw 2 pt 7 lc rgb handle \
	title "ours/handle, per region moved", \
	growth("nocache/handle", "worst") lw 2 pt 7 lc rgb nocache \
	title "nocache/handle", \
	growth("nocache/address", "worst") lw 2 pt 7 lc rgb nocache_address \
	title "nocache/address", \
	growth("bare/address", "worst") lw 2 pt 7 lc rgb "#009e73" \
	title "bare/address", \
	growth("ours/handle", "mean") lw 2 dt 2 pt 6 lc rgb handle notitle, \
	growth("nocache/handle", "mean") lw 2 dt 2 pt 6 lc rgb nocache notitle, \
	growth("nocache/address", "mean") lw 2 dt 2 pt 6 \
	lc rgb nocache_address notitle, \
	growth("bare/address", "mean") lw 2 dt 2 pt 6 lc rgb "#009e73" notitle
unset multiplot
