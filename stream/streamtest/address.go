package streamtest

import "testing"

// FreeAddress returns a loopback address that nothing listens on, for a process that
// must be told where to listen. Its port is held until the test ends.
func FreeAddress(t testing.TB) string {
	t.Helper()
	address, release, err := HoldAddress()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	return address
}
