// Package history is where messages are kept and read from. A Store is one of
// three: SQLite (the receiver's own), Remote (a receiver's API), Live (only
// what fits in memory). The terminal and the page read a Store and do not know
// which.
//
// It decides ids, deltas, gaps and duplicates through stream's one account of
// them, and knows neither MQTT connections nor HTTP handlers.
package history
