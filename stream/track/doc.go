// Package track follows each sender's sequence numbers: it gives messages their
// IDs and finds duplicates, gaps and reordering.
//
//	Arrival ──► Tracker.Track ──► Tracked: a message with its ID, a duplicate,
//	               │                    or no part of the stream (hellox/#)
//	               └ an Account a sender: boots, sequence numbers seen, counters
//
// It stores nothing: a store keeps the State and the SenderStates that Changes
// returns, and gives them back to New. Rates and cadence are package
// stats'.
package track
