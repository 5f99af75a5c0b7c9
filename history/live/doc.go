// Package live is what a writable store is made of.
//
//	arrivals ─► Run ─► Store.Append ─► State.Apply ─► hub ─┬─ Follower (everything)
//	                       │                         ring  └─ feed ─┬─ Follower
//	                       └ on disk, in memory                     └─ Follower
//
// State holds what is in memory only: sender states, rates, the broker link. The
// hub hands events to followers through one ring; a feed matches them against one
// selection for all followers that have it; a follower that is not in the ring
// reads pages, which a Pager fills. Not here: files and connections.
package live
