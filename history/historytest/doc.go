// Package historytest holds what the tests of every store share. Only tests
// import it.
package historytest
