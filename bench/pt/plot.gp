# The plot of bench/pt, from csv to out: time per page of each workload, the
# shortest bars the best. Logarithmic, since ranges and single pages are a
# hundred times apart.
set terminal svg size 900,460 font "sans,12" background "white"
set output out
set datafile separator ","
set style data histogram
set style histogram clustered gap 1
set style fill solid 0.75 noborder
set boxwidth 0.9
set logscale y
set yrange [0.1:1000]
set ytics (0.1, 1, 10, 100, 1000)
set ylabel "ns per page (log)"
set xtics rotate by -30 font ",10" nomirror
set grid ytics lc rgb "#dddddd"
set key top left horizontal
set title "Page tables, Sv39: nanoseconds per page, less is better" font ",13"

rows(who) = "< awk -F, '$3 == \"".who."\" && $4 == \"mean\" \
	{ n = $2; gsub(/_/, \" \", n); \
	print n \",\" ($5 < 0.1 ? 0.1 : $5) }' ".csv

plot rows("ours") using 2:xtic(1) title "libvmm" lc rgb "#1f77b4", \
     rows("naive") using 2 title "a walk for each page" lc rgb "#ff7f0e", \
     rows("visitor") using 2 title "a callback for each entry" lc rgb "#7f7f7f"
