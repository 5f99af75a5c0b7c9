package rights_test

import (
	"testing"

	"hellox/broker/rights"
)

// TestSources says which addresses share the turns of their logins.
func TestSources(t *testing.T) {
	for _, k := range []struct{ address, source string }{
		{"192.0.2.1:1883", "192.0.2.1"}, {"[::ffff:192.0.2.1]:1", "192.0.2.1"},
		{"[2001:db8:1:2:3::4]:1883", "2001:db8:1:2::/64"}, {"[fe80::1%eth0]:1", "fe80::/64"}, {"[::1]:1", "::/64"},
		{"192.0.2.1", "192.0.2.1"}, {"2001:db8:1:2:3::4", "2001:db8:1:2::/64"}, {"@", "@"},
	} {
		if got := rights.SourceOf(k.address); got != k.source {
			t.Errorf("%s is of %q, want %q", k.address, got, k.source)
		}
	}
}
