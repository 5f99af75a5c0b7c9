// Package runtest makes the processes that tests start end with the tests, even
// when those are killed.
//
//	go test ──► x.test ── Bind ──► child           ends with x.test (Linux)
//	   └─ killed: x.test ends too    └──► daemon, or a traced child
//	                                      Follow: ends within a second
//
// It is for tests only. What a test must do in an orderly way (say goodbye, remove
// a folder) stays in its cleanup functions.
package runtest
