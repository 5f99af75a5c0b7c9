package access

import (
	"bytes"
	"crypto/tls"
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

// untimely returns why the certificate c of a server is not valid now, or nil.
func untimely(c *x509.Certificate, path string, now time.Time) error {
	at := func(t time.Time) string { return t.UTC().Format(time.DateTime) + " UTC" }
	switch {
	case now.After(c.NotAfter):
		return fmt.Errorf("%s was valid until %s: clients refuse it", path, at(c.NotAfter))
	case now.Before(c.NotBefore):
		return fmt.Errorf("%s is valid from %s, and this machine's clock says %s: clients refuse it", path, at(c.NotBefore), at(now))
	}
	return nil
}

// doubt returns why clients may refuse the certificate c of a server now, or "".
func doubt(c *x509.Certificate, path string, now time.Time) string {
	if err := untimely(c, path, now); err != nil {
		return err.Error()
	}
	if len(c.DNSNames)+len(c.IPAddresses) == 0 {
		return path + " names no host (subject alternative name): most clients refuse it"
	}
	return ""
}

// brokenChain returns what is wrong with the certificates that stand in a file beside the
// server's own, which is the first, or "". It is known to be wrong only where one of them
// is of no use to the first and its chain in the file does not come to an end: a chain
// that lacks authorities and has nothing else may end with one that clients know.
func brokenChain(pair *tls.Certificate, path string) string {
	if len(pair.Certificate) == 1 {
		return ""
	}
	left := make([]*x509.Certificate, 0, len(pair.Certificate)-1)
	for i, der := range pair.Certificate[1:] {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return fmt.Sprintf("certificate %d in %s is damaged: clients refuse the chain", i+2, path)
		}
		left = append(left, c)
	}
	end := pair.Leaf
	for chain := []*x509.Certificate{pair.Leaf}; len(chain) > 0; chain = chain[1:] {
		end = chain[0]
		if isRoot(end) {
			return ""
		}
		left = slices.DeleteFunc(left, func(c *x509.Certificate) bool {
			issued := bytes.Equal(c.RawSubject, end.RawIssuer) && end.CheckSignatureFrom(c) == nil
			if issued {
				chain = append(chain, c)
			}
			return issued
		})
	}
	if len(left) == 0 {
		return ""
	}
	return fmt.Sprintf("%s has %d certificates after the server's own, and the one of %q that its chain goes on with is not among them: clients that do not know that authority refuse it",
		path, len(pair.Certificate)-1, end.Issuer)
}

// isRoot reports whether a certificate is signed by itself.
func isRoot(c *x509.Certificate) bool { return bytes.Equal(c.RawSubject, c.RawIssuer) }
