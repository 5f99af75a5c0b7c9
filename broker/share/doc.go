// Package share is what a shared subscription ($share/NAME/FILTER) is, without
// packets, connections and disks: its name and topic filter (Parse), whose turn it
// is (Ring), and which of its messages are with whom (Window).
//
//	messages of the journal      Window                            members
//	Fetch(after Begin) ──────→ Wanted? ──→ Ring: the next that has room
//	                             Keep ←─────────────── none that has room may have it
//	                             Next ─────────────→ what waits for this member
//	                             Give ←─────────────── sent
//	                             Done ←─────────────── acknowledged
//	                             Left, Ended ←──────── a member is away, or its session ended
//	Cursor: all before it are done
//
// Not here: how a message is sent (broker), and what is on disk (broker/journal).
package share
