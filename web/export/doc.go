// Package export writes messages as a file: NDJSON, a message a line as the API has
// it, or CSV, a table with a line of names.
//
//	history.Store ─ page ─ page ─ … ─► file, up to the newest message at the start
//
// One page is in memory at a time. The handler, with its headers and deadlines, is
// in the parent package.
package export
