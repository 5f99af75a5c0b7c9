package rights

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"hellox/stream/clienturi"
)

// The identity of a client that shows a certificate is the one URI among its subject
// alternative names, compared whole: neither the common name nor a part of the URI says
// who it is (CVE-2026-33248). In its scheme and host small and capital letters are the
// same, as in every URI. TLS has verified the certificate by then. An identity
// that the ACL allows nothing of its own is not let in, as any certificate of the
// authority would be.

// IsURI reports whether an identity is that of a client certificate. No user's name
// has a colon.
func IsURI(identity string) bool {
	return strings.Contains(identity, ":") && !strings.HasPrefix(identity, "pod:")
}

// checkIdentity returns why an ACL cannot name an identity, or nil.
func checkIdentity(identity string) error {
	if !strings.Contains(identity, ":") {
		return checkName(identity)
	}
	if strings.Contains(identity, "*") {
		return fmt.Errorf("the URI %q has a *: it is compared whole", identity)
	}
	return clienturi.Check(identity)
}

// nameOf returns the name of an identity, which %i stands for: a user's is the identity
// itself, a certificate's what follows the last slash of its URI, or "" if that is no
// name.
func nameOf(identity string) string {
	if !IsURI(identity) {
		return identity
	}
	name := identity[strings.LastIndexByte(identity, '/')+1:]
	if checkName(name) != nil {
		return ""
	}
	return name
}

// checkURI returns why the ACL may not name a certificate's URI, or nil. A name is that
// of one identity: else two would publish below the same topic. A user that is new gives
// way to it: the ACL may be what takes rights away.
func (c *content) checkURI(uri string, before *content) error {
	if c.cas == nil {
		return fmt.Errorf("it names %q, which is of a client certificate, and there is no --client-ca", uri)
	}
	name := nameOf(uri)
	if name == "" {
		return nil
	}
	if _, isUser := c.users[name]; isUser {
		if _, wasUser := before.users[name]; wasUser || before.acl == nil {
			return fmt.Errorf("it names %q, and %s is also the name of a user", uri, name)
		}
		c.clashes = append(c.clashes, name)
	}
	if other, taken := c.named[name]; taken {
		return fmt.Errorf("it names %q and %q, and %s is the name of both", other, uri, name)
	}
	c.named[name] = uri
	return nil
}

// loginByCertificate identifies a client by what it has shown by TLS.
func (c *content) loginByCertificate(state *tls.ConnectionState) (Login, error) {
	if len(state.VerifiedChains) == 0 {
		return Login{}, errors.New("the client's certificate is not verified")
	}
	identity, err := clienturi.Of(state.VerifiedChains[0][0])
	switch {
	case err != nil:
		return Login{}, fmt.Errorf("the client's certificate %w", err)
	case !c.acl.LetsIn(identity):
		return Login{}, fmt.Errorf("the ACL does not name %s, which the client's certificate is for, in a rule of role, read or write", identity)
	}
	for _, chain := range state.VerifiedChains {
		if proof := proofOf(chain[len(chain)-1]); c.cas.known[proof] {
			return Login{Identity: identity, Proof: proof, Ends: endOf(chain), Shown: "certificate"}, nil
		}
	}
	return Login{}, errors.New(untrusted)
}

const untrusted = "the authority of the client's certificate is not one of --client-ca any more"

// proofOf identifies an authority.
func proofOf(authority *x509.Certificate) string {
	sum := sha256.Sum256(authority.Raw)
	return string(sum[:])
}

// endOf returns until when all of a chain is valid.
func endOf(chain []*x509.Certificate) time.Time {
	first := slices.MinFunc(chain, func(a, b *x509.Certificate) int { return a.NotAfter.Compare(b.NotAfter) })
	return first.NotAfter
}

// goneCertificate returns why a login by certificate is no longer valid, or "".
func (c *content) goneCertificate(l Login) string {
	switch {
	case c.cas == nil || l.Proof != "" && !c.cas.known[l.Proof]:
		return untrusted
	case !c.acl.LetsIn(l.Identity):
		return fmt.Sprintf("the ACL does not name %s any more in a rule of role, read or write", l.Identity)
	}
	return ""
}

// clientCAs are authorities whose certificates clients may show.
type clientCAs struct {
	pool  *x509.CertPool
	all   []*x509.Certificate
	known map[string]bool // by proofOf
}

// parseClientCAs reads the text of a file of authorities.
func parseClientCAs(text []byte) (*clientCAs, error) {
	c := &clientCAs{pool: x509.NewCertPool(), known: map[string]bool{}}
	for n := 1; ; n++ {
		block, rest := pem.Decode(text)
		switch {
		case block == nil && bytes.Contains(text, []byte("-----BEGIN")):
			return nil, errors.New("its PEM is damaged or cut short")
		case block == nil && n == 1:
			return nil, errors.New("it has no certificate in PEM")
		case block == nil:
			return c, nil
		case block.Type != "CERTIFICATE":
			return nil, fmt.Errorf("it has a %q; only certificates belong here", block.Type)
		}
		a, err := x509.ParseCertificate(block.Bytes)
		switch {
		case err != nil:
			return nil, fmt.Errorf("certificate %d is damaged", n)
		case !a.BasicConstraintsValid || !a.IsCA || a.KeyUsage != 0 && a.KeyUsage&x509.KeyUsageCertSign == 0:
			return nil, fmt.Errorf("certificate %d is not that of an authority", n)
		}
		c.pool.AddCert(a)
		c.all = append(c.all, a)
		c.known[proofOf(a)] = true
		text = rest
	}
}

// doubts returns why certificates of authorities are refused now.
func (c *clientCAs) doubts(now time.Time) (all []string) {
	for _, a := range c.all {
		switch {
		case now.After(a.NotAfter):
			all = append(all, fmt.Sprintf("%q was valid until %s UTC", a.Subject, a.NotAfter.UTC().Format(time.DateTime)))
		case now.Before(a.NotBefore):
			all = append(all, fmt.Sprintf("%q is valid from %s UTC", a.Subject, a.NotBefore.UTC().Format(time.DateTime)))
		}
	}
	return all
}

// OnlyCertificates reports whether each client must show a certificate: there are no
// users.
func (f *Files) OnlyCertificates() bool { return f.paths.Users == "" }

// AskForCertificates returns config for a listener that asks its clients for
// certificates, or config itself without authorities of clients. They are those of now
// at each handshake. No session is resumed: by it a client would come back that its
// authority of now does not know.
func (f *Files) AskForCertificates(config *tls.Config) *tls.Config {
	if f.paths.ClientCA == "" {
		return config
	}
	asking := config.Clone()
	asking.SessionTicketsDisabled = true
	asking.ClientAuth = tls.VerifyClientCertIfGiven
	if f.OnlyCertificates() {
		asking.ClientAuth = tls.RequireAndVerifyClientCert
	}
	fresh := asking.Clone()
	fresh.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		c := asking.Clone()
		c.ClientCAs = f.now.Load().cas.pool
		return c, nil
	}
	return fresh
}
