// Package streamtest helps the tests of the packages under stream: it waits
// for channels, conditions and links. Only tests import it.
package streamtest
