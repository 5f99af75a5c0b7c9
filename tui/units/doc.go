// Package units writes counts, rates, sizes and durations for people, the same
// words in the terminal and on the page.
//
//	Count    18 204          Delta    4.112 s   12 m 03 s   3 h 12 m
//	Rate     11.0/min  5/s   Latency  1.8 ms    310 ms      2.4 s
//	Bytes    1.2 KiB         Age      3.2 s     2 m 05 s    3 d 04 h
//	                         Elapsed  3 s       2 m 05 s    3 d 04 h
//
// testdata/units.json lists examples of each; the page's tests read the same
// file (a space there is a narrow one on the page). What a value means, and how wide its column is, is the caller's.
package units
