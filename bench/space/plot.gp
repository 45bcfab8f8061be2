# The plot of bench/space, from csv to out: time per call, or per page, of each
# workload, the shortest bars the best. Logarithmic, since a list of ten thousand
# regions is a thousand times slower than a tree.
set terminal svg size 980,480 font "sans,12" background "white"
set output out
set datafile separator ","
set style data histogram
set style histogram clustered gap 1
set style fill solid 0.75 noborder
set boxwidth 0.9
set logscale y
set yrange [1:1000000]
set ytics ("1 ns" 1, "10 ns" 10, "100 ns" 100, "1 us" 1000, "10 us" 10000, "100 us" 100000, "1 ms" 1000000)
set ylabel "time per call or page (log)"
set xtics rotate by -35 font ",10" nomirror
set grid ytics lc rgb "#dddddd"
set key top left horizontal
set title "Address spaces, Sv48: less is better" font ",13"

# A contender without the workload has a bar of no height.
rows(who) = "< awk -F, '$4 == \"mean\" { if (!($2 in seen)) { seen[$2] = 1; \
	order[++n] = $2 } v[$2 FS $3] = $5 } \
	END { for (i = 1; i <= n; i++) { k = order[i]; t = k; gsub(/_/, \" \", t); \
	x = v[k FS \"".who."\"]; print t \",\" (x < 1 ? 1 : x) } }' ".csv

plot rows("ours") using 2:xtic(1) title "libvmm" lc rgb "#1f77b4", \
     rows("naive") using 2 title "a list, and fork by copying" lc rgb "#ff7f0e", \
     rows("array") using 2 title "an array, and copy on write" lc rgb "#7f7f7f"
