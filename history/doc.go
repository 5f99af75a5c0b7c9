// Package history is the vocabulary of stored messages: a Store is read by pages
// (Query, Page) and followed (Follow, Follower, Event).
//
//	                      Store
//	        ┌───────────────┼────────────────┬────────────────┐
//	sqlite.Store       memory.Store     file.Store       remote.Client
//	one file, the      what fits in     a recording,     a receiver's API:
//	receiver's own     memory, watch    watch FILE       read, publish, command
//	        └───────┬───────┴────────────────┘
//	              live: events, sender states, the loop that appends
//
// jetstream.Store is the receivers' own where there are several of them: a replicated
// stream. The terminal and the page read a Store and do not know which. Not here: IDs,
// deltas, gaps and duplicates (stream/track), MQTT connections, HTTP handlers.
package history
