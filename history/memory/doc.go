// Package memory is the history of one run, as much of it as fits in memory: what
// watch reads when it is given a broker's URL.
//
//	Append ─► messages, oldest evicted beyond the limit ─► Messages
//	   └────► live.State ─► followers
//
// Nothing is written to disk.
package memory
