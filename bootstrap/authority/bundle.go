package authority

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"time"
)

// Hash is the hash of a bundle by which a role reports that it has loaded it.
func Hash(bundle []byte) string {
	sum := sha256.Sum256(bundle)
	return hex.EncodeToString(sum[:])
}

// Join returns a bundle of all the authorities given, in their order.
func Join(authorities ...[]byte) []byte { return bytes.Join(authorities, nil) }

// A Serving is what an installation's broker shows to its clients, as it is stored:
// PEM, from objects that anyone with rights in the namespace can change.
type Serving struct {
	Bundle      []byte // the authorities that the clients trust
	Certificate []byte
	Key         []byte
}

// Signer returns the authority of the bundle that signed the certificate for that
// Service of scope, if the certificate, its key and the authority belong together. Nil:
// no client can trust that broker, at no time.
func (s Serving) Signer(scope Scope, service string) []byte {
	return s.signer(scope, []string{service}, asServer)
}

// PeerSigner is the same for a certificate of IssuePeers.
func (s Serving) PeerSigner(scope Scope, names []string) []byte {
	return s.signer(scope, names, asPeer)
}

func (s Serving) signer(scope Scope, services []string, usages []x509.ExtKeyUsage) []byte {
	pair, err := tls.X509KeyPair(s.Certificate, s.Key)
	if err != nil {
		return nil
	}
	leaf := pair.Leaf
	for rest := s.Bundle; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return nil
		}
		signer, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			continue
		}
		roots := x509.NewCertPool()
		roots.AddCert(signer)
		if trusts(roots, leaf, scope, services, usages) {
			return pem.EncodeToMemory(block)
		}
	}
}

// trusts reports whether who knows roots accepts the certificate for all of that.
func trusts(roots *x509.CertPool, leaf *x509.Certificate, scope Scope, services []string, usages []x509.ExtKeyUsage) bool {
	for _, service := range services {
		for _, domain := range scope.domains() {
			for _, usage := range usages {
				o := x509.VerifyOptions{Roots: roots, DNSName: service + "." + domain, CurrentTime: leaf.NotBefore, KeyUsages: []x509.ExtKeyUsage{usage}}
				if _, err := leaf.Verify(o); err != nil {
					return false
				}
			}
		}
	}
	return true
}

// Expiry returns when the first of the certificates in PEM ends; the zero time if
// there is none.
func Expiry(certificates ...[]byte) (end time.Time) {
	for _, rest := range certificates {
		for {
			var block *pem.Block
			if block, rest = pem.Decode(rest); block == nil {
				break
			}
			c, err := x509.ParseCertificate(block.Bytes)
			if err == nil && (end.IsZero() || c.NotAfter.Before(end)) {
				end = c.NotAfter
			}
		}
	}
	return end
}

// Due reports whether what ends then is due for renewal.
func Due(end, now time.Time) bool { return !now.Before(end.Add(-RenewFrom)) }
