package authority

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var (
	press = Scope{Namespace: "press"}
	now   = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
)

func parse(t *testing.T, text []byte) *x509.Certificate {
	t.Helper()
	block, rest := pem.Decode(text)
	if block == nil || len(rest) > 0 {
		t.Fatalf("not one PEM block: %q", text)
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func issue(t *testing.T, scope Scope, now time.Time) Issued {
	t.Helper()
	issued, err := Issue(scope, "broker", now)
	if err != nil {
		t.Fatal(err)
	}
	return issued
}

func TestIssue(t *testing.T) {
	issued := issue(t, press, now)
	a, leaf := parse(t, issued.Authority), parse(t, issued.Certificate)
	if !a.IsCA || a.MaxPathLen != 0 || !a.MaxPathLenZero || !a.PermittedDNSDomainsCritical || a.KeyUsage != x509.KeyUsageCertSign {
		t.Errorf("the authority: CA %v, path %d, critical %v, usage %v", a.IsCA, a.MaxPathLen, a.PermittedDNSDomainsCritical, a.KeyUsage)
	}
	if a.PublicKey.(*ecdsa.PublicKey).Curve != elliptic.P256() || leaf.PublicKey.(*ecdsa.PublicKey).Curve != elliptic.P256() {
		t.Error("a key is not one of P-256")
	}
	for _, c := range []*x509.Certificate{a, leaf} {
		if got := c.NotAfter.Sub(now); got != 365*24*time.Hour {
			t.Errorf("%s: valid for %s, want a year", c.Subject, got)
		}
		if c.SerialNumber.BitLen() < 64 {
			t.Errorf("%s: a serial number of %d bits", c.Subject, c.SerialNumber.BitLen())
		}
	}
	roots := x509.NewCertPool()
	roots.AddCert(a)
	for _, name := range []string{"broker.press.svc", "broker.press.svc.cluster.local"} {
		if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: name, CurrentTime: now}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"broker", "broker.press", "receive.press.svc", "broker.hellox.svc"} {
		if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: name, CurrentTime: now}); err == nil {
			t.Errorf("the certificate is for %s, too", name)
		}
	}
	for _, secret := range [][]byte{issued.Authority, issued.Certificate} {
		if strings.Contains(string(secret), "PRIVATE") {
			t.Error("a key stands where it must not")
		}
	}
}

// beyond are the certificates that the authority's key could sign and no client may
// accept; the first is the control.
var beyond = []struct {
	name  string
	valid bool
	leaf  x509.Certificate
}{
	{"a Service of the namespace", true, x509.Certificate{DNSNames: []string{"other.press.svc", "a.b.press.svc.cluster.local"}}},
	{"a Service of another namespace", false, x509.Certificate{DNSNames: []string{"broker.hellox.svc"}}},
	{"a namespace that ends in this one's name", false, x509.Certificate{DNSNames: []string{"broker.xpress.svc"}}},
	{"another cluster's domain", false, x509.Certificate{DNSNames: []string{"broker.press.svc.example.org"}}},
	{"a site", false, x509.Certificate{DNSNames: []string{"broker.press.svc", "www.example.org"}}},
	{"an IPv4 address", false, x509.Certificate{DNSNames: []string{"broker.press.svc"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}},
	{"an IPv6 address", false, x509.Certificate{DNSNames: []string{"broker.press.svc"}, IPAddresses: []net.IP{net.IPv6loopback}}},
	{"a URI", false, x509.Certificate{DNSNames: []string{"broker.press.svc"}, URIs: []*url.URL{{Scheme: "https", Host: "www.example.org"}}}},
	{"a URI of the namespace", false, x509.Certificate{DNSNames: []string{"broker.press.svc"}, URIs: []*url.URL{{Scheme: "hellox", Host: "broker.press.svc"}}}},
	{"a mail address", false, x509.Certificate{DNSNames: []string{"broker.press.svc"}, EmailAddresses: []string{"ann@example.org"}}},
}

func TestNameConstraints(t *testing.T) {
	a, err := newAuthority(press, asServer, now)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(a.certificate)
	for _, b := range beyond {
		der := signAs(t, a, b.leaf)
		leaf, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: now}); (err == nil) != b.valid {
			t.Errorf("%s: valid %v, want %v (%v)", b.name, err == nil, b.valid, err)
		}
	}
}

func TestNameConstraintsInOpenSSL(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("no openssl in the PATH")
	}
	a, err := newAuthority(press, asServer, now)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name string, der []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, encode("CERTIFICATE", der), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	root := write("authority.pem", a.certificate.Raw)
	for _, b := range beyond {
		leaf := write("leaf.pem", signAs(t, a, b.leaf))
		out, err := exec.Command(openssl, "verify", "-attime", "1795953600", "-CAfile", root, leaf).CombinedOutput()
		if (err == nil) != b.valid {
			t.Errorf("%s: valid %v, want %v\n%s", b.name, err == nil, b.valid, out)
		}
	}
}

func signAs(t *testing.T, a *authority, template x509.Certificate) []byte {
	t.Helper()
	template.Subject = pkix.Name{CommonName: "broker"}
	template.NotBefore, template.NotAfter = a.certificate.NotBefore, a.certificate.NotAfter
	der, _, err := a.sign(&template)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// An authority that this one signs is worth nothing: its path has length 0.
func TestNoAuthorityBelow(t *testing.T) {
	a, err := newAuthority(press, asServer, now)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: "below"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		NotBefore: a.certificate.NotBefore, NotAfter: a.certificate.NotAfter,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	middle, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(signAs(t, &authority{middle, key}, x509.Certificate{DNSNames: []string{"broker.press.svc"}}))
	if err != nil {
		t.Fatal(err)
	}
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(a.certificate)
	between.AddCert(middle)
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: now}); err == nil {
		t.Error("an authority below is trusted")
	}
}

// A certificate of peers is for all of them, as servers and as clients, and its authority
// signs nothing for others.
func TestIssuePeers(t *testing.T) {
	hosts := []string{"broker-0.broker-pods", "broker-1.broker-pods"}
	issued, err := IssuePeers(press, hosts, now)
	if err != nil {
		t.Fatal(err)
	}
	leaf, roots := parse(t, issued.Certificate), x509.NewCertPool()
	roots.AddCert(parse(t, issued.Authority))
	for name, valid := range map[string]bool{
		"broker-0.broker-pods.press.svc": true, "broker-1.broker-pods.press.svc.cluster.local": true,
		"broker-2.broker-pods.press.svc": false, "broker.press.svc": false, "broker-0.broker-pods.hellox.svc": false,
	} {
		for _, usage := range asPeer {
			_, err := leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: name, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{usage}})
			if (err == nil) != valid {
				t.Errorf("for %s, usage %d: valid %v, want %v (%v)", name, usage, err == nil, valid, err)
			}
		}
	}
	s := Serving{issued.Authority, issued.Certificate, issued.Key}
	if s.PeerSigner(press, hosts) == nil || s.PeerSigner(press, append(hosts, "broker-2.broker-pods")) != nil || s.PeerSigner(Scope{Namespace: "hellox"}, hosts) != nil {
		t.Error("the signer is found for other names, or not for its own")
	}
	server := issue(t, press, now)
	if (Serving{server.Authority, server.Certificate, server.Key}).PeerSigner(press, []string{"broker"}) != nil {
		t.Error("a server's certificate is taken for that of a peer")
	}
}
