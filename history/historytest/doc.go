// Package historytest holds what the tests of every store share. Only tests
// import it.
//
//	Hello, Foreign, Fleet ─► arrivals ─► AppendAll ─► a store
//	PageAll, Collect ◄─ what is read of it
//	Writer ─► random arrivals, queries ─► Model: what must be read of them
//	Receiver: a store behind the API that a remote.Client asks
package historytest
