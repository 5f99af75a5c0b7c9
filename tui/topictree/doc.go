// Package topictree counts messages by the levels of their topics.
//
//	hello_world/broadcast/press-1   ─▶  Root
//	hello_world/broadcast/press-2        └─ hello_world    2
//	                                        └─ broadcast    2
//	                                           ├─ press-1   1  Last, Size
//	                                           └─ press-2   1  Last, Size
//
// A Tree is bounded: in topics, and in the bytes held of each newest payload.
// Which level is selected, and how a line looks, is package tui's.
package topictree
