// Package timeline counts the stored messages, and those missed, over time.
//
//	ids     1 ........... 70 ..... 95 ............... 180 ......... 240
//	steps   |     69      |   25   |        85         |     61      |
//	missed                    3
//
// It finds the id at which each step begins and reads the messages that have a
// gap before them, nothing else.
package timeline
