// Package timeline counts the stored messages, and those missed, over time, and how
// long they travelled.
//
//	ids     1 ........... 70 ..... 95 ............... 180 ......... 240
//	steps   |     69      |   25   |        85         |     61      |
//	missed                    3
//
// Of all messages it finds the id at which each step begins, and reads those that have a
// gap before them and a sample for the latencies. Of a selection it reads each message
// once, as far as the time of an answer allows.
package timeline
