// Package timeline counts events in the most recent slots of time and draws
// the counts as bars.
//
//	slots    | 3 | 0 | 5 | 8 | 2 |   each as long as the others
//	                           now
//	Spark     ▃   _   ▅   █   ▂      one cell a bar
//
// A Timeline has a fixed size. Its sums fall by themselves when nothing
// happens. Colours are package theme's.
package timeline
