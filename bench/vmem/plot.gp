# Placeholder of the module's plot: variables csv and out are given.
set terminal svg size 640,320 font "sans,12"
set output out
set datafile separator ","
set boxwidth 0.7
set style fill solid 0.6
set yrange [0:]
set ylabel "ns per call"
plot "< awk -F, '$4 == \"mean\"' ".csv using 0:5:xtic(3) with boxes notitle
