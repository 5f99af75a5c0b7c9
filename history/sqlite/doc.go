// Package sqlite is the history in one SQLite file: the receiver's own.
//
//	table    a row is                      written
//	m        a message                     with each batch, before it is acknowledged
//	source   a series: topic and sender    with its first message
//	mark     an anchor of a series         every 64th message of it
//	sender   a sender's counters           with a checkpoint
//	meta     totals                        with a checkpoint
//
// Opening reads the last checkpoint and replays the messages after it. A page
// reads either every row between two IDs, or a few series merged (plan.go), each
// along its skip list (seriesreader.go). Retention evicts the oldest messages, a
// few with each batch (retain.go). Not here: what a connection to a SQLite file
// is (sqlitefile), how followers get events (history/live).
package sqlite
