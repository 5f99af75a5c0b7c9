// Package file writes and reads recordings: a stream in a file, one message a line.
//
//	events ─► Writer ─► run.ndjson, run.1.ndjson, …    {"recording":1,"version":…,"source":…,"start":…}
//	                        │                          {"id":1,"topic":…,"payload":…}
//	                        ├─► Follower   each message once, in order; holds none
//	                        └─► Store      pages by an index of places; a history.Store
//
// A name that ends in .zst makes a file of zstd frames of 1 MiB each, so that a
// page is found without reading what is before it. Each batch is one write that ends
// with a whole line: a process that is killed loses at most the last line, and both
// readers tell it (Damage). A file that a Writer has open is followed.
//
// Not here: what is recorded and when (package tui, cmd/hellox), IDs, deltas and gaps
// (stream/track): they are read as they were written.
package file
