// Package carry copies a whole history from one kind of store to another: `hellox
// history copy` shows it.
//
//	Source ── pages ──► Target ── Finish: what is counted
//	   └──── the same count and hash of all messages ────┘
//
// Messages keep their IDs and all that was computed with them. A copy that was ended
// goes on behind the newest message in its target. Not here: how a store writes messages
// with IDs (history/sqlite, history/jetstream).
package carry
