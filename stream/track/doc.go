// Package track follows each sender's sequence numbers: it gives messages their
// IDs and finds duplicates, gaps and reordering.
//
//	Arrival ──► Ledger.Enter ──► Entry: a message with its ID, a duplicate,
//	               │                    or no part of the stream (hellox/#)
//	               └ an Account a sender: boots, sequence numbers seen, counters
//
// It stores nothing: a store keeps the State and the Accounts that Changes
// returns, and gives them back to NewLedger. Rates and cadence are package
// stats'.
package track
