// Package rounds is up --watch: when sources change, it builds and rolls out again,
// and says how long it took until the new pods' first message.
//
//	bootstrap/sources ──► Loop ──► bootstrap.Up ──► the first message, in the history
//	                        └────► a line each round
//
// What can be watched is in treesOf; how something is built is in bootstrap.
package rounds
