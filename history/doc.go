// Package history is where messages are stored and read from. A Store is one of
// three: sqlite.Store (the receiver's own), remote.Client (a receiver's API),
// memory.Store (only what fits in memory). The terminal and the page read a
// Store and do not know which.
//
// IDs, deltas, gaps and duplicates are stream/track's. history knows neither MQTT connections nor HTTP handlers.
package history
