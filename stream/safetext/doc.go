// Package safetext makes text from the network safe to show: on a terminal, in
// a log, on the page.
//
//	bytes from the network ──► Clean ──► one line that shows what was sent
//	log records            ──► LogHandler ──► the same for every attribute
//	one character          ──► Visible: is it shown as itself?
//
// The bytes themselves are stored and forwarded as they came; they pass here
// only on their way to a person. JSON is escaped by stream.AppendString, which
// asks Visible. This package imports nothing of hellox.
package safetext
