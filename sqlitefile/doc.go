// Package sqlitefile is the layer on SQLite that history and the broker's journal
// share: a connection with prepared statements and transactions, and what an
// error of SQLite means. Schemas, migrations and pragmas belong to its users.
//
//	history/sqlite ─┐
//	                ├→ Conn → modernc.org/sqlite → a file
//	broker/journal ─┘
package sqlitefile
