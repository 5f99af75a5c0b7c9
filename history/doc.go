// Package history is where messages are kept and read from. A Store is one of
// three: sqlite.Store (the receiver's own), remote.Client (a receiver's API),
// memory.Store (only what fits in memory). The terminal and the page read a
// Store and do not know which.
//
// It decides ids, deltas, gaps and duplicates through stream's one account of
// them, and knows neither MQTT connections nor HTTP handlers.
package history
