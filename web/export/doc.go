// Package export writes messages as a file: NDJSON, a message a line as the API has
// it, or CSV, a table with a line of names.
//
//	history.Store ─ page ─ page ─ … ─► file, up to the newest message at the start
//
// CSV is for programs: a payload stands there as it came. To a spreadsheet a cell such as
// =cmd|'/C calc'!A1 is a formula, and anyone who may publish can write one: the format
// spreadsheet is CSV in which such cells begin with a ', and whose last column names them.
//
// One page is in memory at a time. The handler, with its headers and deadlines, is
// in the parent package.
package export
