// Package form holds the lines that the user types into: the filter, a message
// to publish, a command for a broadcaster.
//
//	key ──▶ Update ──▶ the form, and its Status
//	                     Editing    goes on
//	                     Closed     left without a result
//	                     Submitted  Filter.Result, Jump.Target, Choice.Value, …
//
// Filter, Jump and Tell are one line, Publish three, a Choice one for each option. A form checks what is typed; to
// apply, publish or send the result is the model's part, in package tui.
package form
