// Package streamtest helps the tests of the packages under stream, and of those that
// import it: it waits for channels, conditions and links, gathers logs and holds ports. Only
// tests import it.
package streamtest
