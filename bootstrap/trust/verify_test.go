package trust

import (
	"crypto/x509"
	"time"
)

// trustsDER verifies as a client does.
func trustsDER(bundle, certificate []byte, now time.Time) bool {
	leaf, err := x509.ParseCertificate(certificate)
	if err != nil {
		return false
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(bundle)
	_, err = leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: "broker.press.svc", CurrentTime: now})
	return err == nil
}
