package access

import (
	"crypto/x509"
	"fmt"
	"slices"
	"time"
)

// checkServer returns why no client accepts c as the certificate of a server, or nil.
// It says nothing of time: clocks differ, and a certificate is renewed.
func checkServer(c *x509.Certificate, path string) error {
	isServer := len(c.ExtKeyUsage)+len(c.UnknownExtKeyUsage) == 0 ||
		slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageServerAuth) || slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageAny)
	switch {
	case c.IsCA && len(c.DNSNames)+len(c.IPAddresses) == 0:
		return fmt.Errorf("%s is the certificate of an authority, not of a server: clients refuse it", path)
	case !isServer:
		return fmt.Errorf("%s is not for a server (its extended key usage lacks serverAuth): clients refuse it", path)
	}
	return nil
}

// doubt returns why clients may refuse the certificate c of a server now, or "".
func doubt(c *x509.Certificate, path string, now time.Time) string {
	at := func(t time.Time) string { return t.UTC().Format(time.DateTime) + " UTC" }
	switch {
	case now.After(c.NotAfter):
		return fmt.Sprintf("%s was valid until %s: clients refuse it", path, at(c.NotAfter))
	case now.Before(c.NotBefore):
		return fmt.Sprintf("%s is valid from %s, and this machine's clock says %s: clients refuse it", path, at(c.NotBefore), at(now))
	case len(c.DNSNames)+len(c.IPAddresses) == 0:
		return path + " names no host (subject alternative name): most clients refuse it"
	}
	return ""
}
