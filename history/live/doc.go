// Package live is what a store that writes itself is made of: the hub that
// hands events to all followers through one ring, the state of the senders, the
// loop that appends, and the pager of a page. It knows no file and no
// connection.
package live
