package jetstream_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"testing"

	natsgo "github.com/nats-io/nats.go"

	"hellox/history"
	"hellox/history/jetstream"
)

// TestHeals: which errors of opening may be over later, and what the hint speaks of.
func TestHeals(t *testing.T) {
	for _, c := range []struct {
		err   error
		hint  string
		heals bool
	}{
		{natsgo.ErrNoServers, "hellox nats", true},
		{&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}, "--history-ca", true},
		{history.ErrUnfinished, "hellox history copy", true},
		{natsgo.ErrAuthorization, "", false},
		{errors.Join(natsgo.ErrPermissionViolation), "", false},
	} {
		hint, heals := jetstream.Heals(fmt.Errorf("open the history: %w", c.err))
		if heals != c.heals || !strings.Contains(hint, c.hint) || (hint == "") != (c.hint == "") {
			t.Errorf("%v: %q, %v, want a hint with %q, %v", c.err, hint, heals, c.hint, c.heals)
		}
	}
}
