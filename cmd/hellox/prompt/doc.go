// Package prompt reads stdin for a command that a signal must be able to end:
// All reads a message, Line an answer, Password a secret, Enter waits for a key.
//
// A read of stdin cannot be interrupted. When the context ends, the goroutine
// that reads stays behind, and ends with the process.
package prompt
