package authority

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"net"
	"time"
)

const (
	// Lifetime is how long an authority and its certificate are valid: both are
	// renewed together.
	Lifetime = 365 * 24 * time.Hour
	// RenewFrom is how long before their end both are due for renewal.
	RenewFrom = 60 * 24 * time.Hour
	// backdated is how far the clock of a node may be behind this machine's.
	backdated = 5 * time.Minute
)

// DefaultDomain is the domain of a cluster that says nothing else.
const DefaultDomain = "cluster.local"

// A Scope is what an authority may sign for: the Services of a namespace.
type Scope struct {
	Namespace string
	Domain    string // of the cluster; "" is DefaultDomain
}

// domains are the DNS domains of the namespace's Services.
func (s Scope) domains() []string {
	domain := s.Domain
	if domain == "" {
		domain = DefaultDomain
	}
	short := s.Namespace + ".svc"
	return []string{short, short + "." + domain}
}

// An Issued is a certificate of a Service, with its authority. All fields are PEM.
type Issued struct {
	Authority   []byte
	Certificate []byte
	Key         []byte
}

// What a certificate is for: a server alone, or one that is also a client of its like.
var (
	asServer = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	asPeer   = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
)

// Issue makes an authority for scope, has it sign a certificate for a Service of the
// namespace, and throws the authority's key away.
func Issue(scope Scope, service string, now time.Time) (Issued, error) {
	return issueFor(scope, []string{service}, asServer, now)
}

// IssuePeers does the same for servers that are clients of each other: they have one
// certificate, for all their names within the namespace.
func IssuePeers(scope Scope, names []string, now time.Time) (Issued, error) {
	return issueFor(scope, names, asPeer, now)
}

func issueFor(scope Scope, services []string, usages []x509.ExtKeyUsage, now time.Time) (Issued, error) {
	a, err := newAuthority(scope, usages, now)
	if err != nil {
		return Issued{}, fmt.Errorf("make an authority: %w", err)
	}
	var names []string
	for _, service := range services {
		for _, domain := range scope.domains() {
			names = append(names, service+"."+domain)
		}
	}
	certificate, key, err := a.sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: services[0]}, DNSNames: names,
		NotBefore: a.certificate.NotBefore, NotAfter: a.certificate.NotAfter,
	})
	if err != nil {
		return Issued{}, fmt.Errorf("sign the certificate of %s: %w", services[0], err)
	}
	return Issued{Authority: encode("CERTIFICATE", a.certificate.Raw), Certificate: encode("CERTIFICATE", certificate), Key: encode("PRIVATE KEY", key)}, nil
}

// An authority lives as long as Issue.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// noDomain is a domain that no certificate can be for (RFC 2606).
const noDomain = "none.invalid"

// newAuthority makes an authority that can sign no further authorities, and nothing
// but certificates of those usages for the scope's domains.
func newAuthority(scope Scope, usages []x509.ExtKeyUsage, now time.Time) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	everyIP := []*net.IPNet{
		{IP: net.IPv4zero.To4(), Mask: net.CIDRMask(0, 32)},
		{IP: net.IPv6zero, Mask: net.CIDRMask(0, 128)},
	}
	template := &x509.Certificate{
		// The time tells the authorities of a renewal apart.
		Subject:   pkix.Name{CommonName: fmt.Sprintf("hellox %s %s", scope.Namespace, now.UTC().Format("2006-01-02T15:04:05Z"))},
		NotBefore: now.Add(-backdated), NotAfter: now.Add(Lifetime),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
		KeyUsage: x509.KeyUsageCertSign, ExtKeyUsage: usages,
		PermittedDNSDomainsCritical: true, PermittedDNSDomains: scope.domains(),
		ExcludedIPRanges: everyIP,
		// Excluding the empty domain excludes all for Go. OpenSSL compares it as it
		// stands, which is no domain of an address: for it none is permitted that exists.
		ExcludedURIDomains: []string{""}, PermittedURIDomains: []string{noDomain},
		ExcludedEmailAddresses: []string{""}, PermittedEmailAddresses: []string{noDomain},
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(raw)
	return &authority{certificate, key}, err
}

// sign signs a certificate with a key of its own and returns both, the key in
// PKCS #8.
func (a *authority) sign(template *x509.Certificate) (certificate, key []byte, err error) {
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = a.certificate.ExtKeyUsage
	template.BasicConstraintsValid = true
	if certificate, err = x509.CreateCertificate(rand.Reader, template, a.certificate, own.Public(), a.key); err != nil {
		return nil, nil, err
	}
	key, err = x509.MarshalPKCS8PrivateKey(own)
	return certificate, key, err
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
