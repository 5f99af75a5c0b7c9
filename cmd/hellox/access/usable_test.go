package access

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"hellox/broker/rights"
)

// writeCertificate writes a certificate of its own signature to dir/a.crt and a.key.
func writeCertificate(t *testing.T, dir string, c x509.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c.SerialNumber, c.BasicConstraintsValid = big.NewInt(time.Now().UnixNano()), true
	if c.NotBefore.IsZero() {
		c.NotBefore = time.Now().Add(-time.Hour)
	}
	if c.NotAfter.IsZero() {
		c.NotAfter = time.Now().Add(time.Hour)
	}
	cert, err := x509.CreateCertificate(rand.Reader, &c, &c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(
		os.WriteFile(filepath.Join(dir, "a.crt"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), 0o600),
		os.WriteFile(filepath.Join(dir, "a.key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
	if err != nil {
		t.Fatal(err)
	}
}

// TestCertificateThatClientsRefuse opens each certificate at the start, and in the
// place of a good one: what no client accepts is refused, and the one of before stays;
// what is wrong only for a time is taken at the start with a warning, and in the place of
// a good one not.
func TestCertificateThatClientsRefuse(t *testing.T) {
	names := []string{"localhost"}
	for _, test := range []struct {
		name        string
		certificate x509.Certificate
		refused     bool
		want        string
	}{
		{"good", x509.Certificate{DNSNames: names, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}, false, ""},
		{"of any usage", x509.Certificate{DNSNames: names}, false, ""},
		{"signed by itself, as openssl req -x509 makes it", x509.Certificate{DNSNames: names, IsCA: true}, false, ""},
		{"an authority", x509.Certificate{IsCA: true, KeyUsage: x509.KeyUsageCertSign}, true, "a.crt is the certificate of an authority"},
		{"a client's", x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, true, "a.crt is not for a server"},
		{"over", x509.Certificate{DNSNames: names, NotAfter: time.Now().Add(-time.Minute)}, false, "a.crt was valid until "},
		{"not valid yet", x509.Certificate{DNSNames: names, NotBefore: time.Now().Add(time.Minute)}, false, "a.crt is valid from "},
		{"without a name", x509.Certificate{}, false, "a.crt names no host"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			var text bytes.Buffer
			flags := Flags{Cert: filepath.Join(dir, "a.crt"), Key: filepath.Join(dir, "a.key")}
			log := slog.New(slog.NewTextHandler(&text, nil))
			writeCertificate(t, dir, test.certificate)
			_, err := flags.Open(log)
			if (err != nil) != test.refused || test.refused && !strings.Contains(err.Error(), test.want) {
				t.Errorf("at the start: %v", err)
			}
			if warned := strings.Contains(text.String(), "level=WARN"); warned != (test.want != "" && !test.refused) || warned && !strings.Contains(text.String(), test.want) {
				t.Errorf("at the start the log says %q", text.String())
			}
			writeCertificate(t, dir, x509.Certificate{DNSNames: names})
			a, err := flags.Open(log)
			if err != nil {
				t.Fatal(err)
			}
			before := a.certificate.now.Load()
			text.Reset()
			writeCertificate(t, dir, test.certificate)
			a.reloadCertificate(true)
			untimely := strings.Contains(test.want, " valid ")
			if stays := a.certificate.now.Load() == before; stays != (test.refused || untimely) || stays == a.InForce("tls-cert") {
				t.Errorf("the one of before stays: %v; in force: %v", stays, a.InForce("tls-cert"))
			}
			if !strings.Contains(text.String(), test.want) {
				t.Errorf("the log says %q", text.String())
			}
		})
	}
}

// TestCertificateWaits has a certificate that is not valid yet, and one that is over, in the
// place of one that is valid: that stays until it is over, or the new one is valid. It is
// said once, and is degraded as long as it lasts.
func TestCertificateWaits(t *testing.T) {
	names := []string{"localhost"}
	begin := time.Now().Truncate(time.Second)
	after := func(n int) time.Time { return begin.Add(time.Duration(n) * time.Hour) }
	for _, test := range []struct {
		name   string
		second x509.Certificate
		stays  int // hours until which the first stays in use
	}{
		{"valid later", x509.Certificate{NotBefore: after(1), NotAfter: after(9)}, 1},
		{"valid when the first is over", x509.Certificate{NotBefore: after(5), NotAfter: after(9)}, 4},
		{"over", x509.Certificate{NotBefore: after(-3), NotAfter: after(-2)}, 4},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			now := begin
			var text bytes.Buffer
			writeCertificate(t, dir, x509.Certificate{DNSNames: names, NotBefore: after(-1), NotAfter: after(3)})
			flags := Flags{Cert: filepath.Join(dir, "a.crt"), Key: filepath.Join(dir, "a.key")}
			a, err := flags.Open(slog.New(slog.NewTextHandler(&text, nil)))
			if err != nil {
				t.Fatal(err)
			}
			a.certificate.clock = func() time.Time { return now }
			first := a.certificate.now.Load()
			test.second.DNSNames = names
			writeCertificate(t, dir, test.second)
			a.reloadCertificate(true)
			for hour := range 6 {
				now = after(hour)
				a.reloadCertificate(false)
				stays := hour < test.stays
				if (a.certificate.now.Load() == first) != stays || a.InForce("tls-cert") == stays || (a.Degraded("") != "") != stays {
					t.Errorf("after %d hours the first is in use: %v; degraded: %q", hour, a.certificate.now.Load() == first, a.Degraded(""))
				}
			}
			if n := strings.Count(text.String(), "certificate not read anew: the one of before stays in use"); n != 1 {
				t.Errorf("said %d times:\n%s", n, text.String())
			}
			if n := strings.Count(text.String(), "certificate read anew"); n != 1 {
				t.Errorf("that the second is in use is said %d times:\n%s", n, text.String())
			}
		})
	}
}

// TestBrokenChain has files with certificates beside the server's: what is wrong with them
// is said where it is certain, and not where clients may know what is missing.
func TestBrokenChain(t *testing.T) {
	var serial int64
	issue := func(name string, by *tls.Certificate) *tls.Certificate {
		t.Helper()
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		serial++
		c := &x509.Certificate{
			SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name}, IsCA: name != "leaf", BasicConstraintsValid: true,
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		}
		parent, signer := c, any(key)
		if by != nil {
			parent, signer = by.Leaf, by.PrivateKey
		}
		der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
		if err != nil {
			t.Fatal(err)
		}
		leaf, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
	}
	root := issue("root", nil)
	upper := issue("upper", root)
	lower := issue("lower", upper)
	leaf, alone := issue("leaf", lower), issue("leaf", nil)
	other := issue("other", nil)
	again := issue("lower", other) // of the same name, with another key
	for _, test := range []struct {
		name  string
		file  []*tls.Certificate
		wants string // "": nothing
	}{
		{"alone: its authority may be one that clients know", []*tls.Certificate{leaf}, ""},
		{"signed by itself", []*tls.Certificate{alone}, ""},
		{"whole", []*tls.Certificate{leaf, lower, upper, root}, ""},
		{"whole, in another order", []*tls.Certificate{leaf, root, upper, lower}, ""},
		{"without the root", []*tls.Certificate{leaf, lower, upper}, ""},
		{"up to one that clients may know", []*tls.Certificate{leaf, lower}, ""},
		{"whole, and one more", []*tls.Certificate{leaf, other, lower, upper, root}, ""},
		{"without the first authority", []*tls.Certificate{leaf, upper, root}, "CN=lower"},
		{"without the second authority", []*tls.Certificate{leaf, lower, root}, "CN=upper"},
		{"with the root alone", []*tls.Certificate{leaf, root}, "CN=lower"},
		{"with the authority of another", []*tls.Certificate{leaf, other}, "CN=lower"},
		{"with one of the authority's name", []*tls.Certificate{leaf, again}, "CN=lower"},
		{"damaged", []*tls.Certificate{leaf, {Certificate: [][]byte{{1}}}}, "certificate 2 in a.crt is damaged"},
	} {
		pair := &tls.Certificate{Leaf: test.file[0].Leaf}
		for _, c := range test.file {
			pair.Certificate = append(pair.Certificate, c.Certificate[0])
		}
		if got := brokenChain(pair, "a.crt"); (got == "") != (test.wants == "") || !strings.Contains(got, test.wants) {
			t.Errorf("%s: %q, want %q", test.name, got, test.wants)
		}
	}
}

// TestWrongFilesAreNamed makes each file wrong, one beside the other, and good again:
// which are not in force is told by their flags, with what else does not work.
func TestWrongFilesAreNamed(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	line, err := rights.UserLine("alice", []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	writeCertificate(t, dir, x509.Certificate{DNSNames: []string{"localhost"}, IsCA: true, KeyUsage: x509.KeyUsageCertSign})
	good, err := os.ReadFile(filepath.Join(dir, "a.crt"))
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{"users": line + "\n", "acl": "read * #\n", "ca": string(good), "a.crt": string(good)}
	flags := Flags{
		Users: write("users", texts["users"]), ACL: write("acl", texts["acl"]), ClientCA: write("ca", texts["ca"]),
		Cert: filepath.Join(dir, "a.crt"), Key: filepath.Join(dir, "a.key"),
	}
	a, err := flags.Open(slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	reload := func() { _ = a.files.Reload(); a.reloadCertificate(true) }
	if got := a.Flags(); !slices.Equal(got, []string{"users", "client-ca", "acl", "tls-cert"}) {
		t.Errorf("flags %q", got)
	}
	byName := map[string]string{"users": "users", "ca": "client-ca", "acl": "acl", "a.crt": "tls-cert"}
	var wrong []string
	for name, flag := range byName {
		write(name, "x\n")
		wrong = append(wrong, flag)
		reload()
		for _, flag := range a.Flags() {
			if a.InForce(flag) == slices.Contains(wrong, flag) {
				t.Errorf("%q are wrong, and --%s is in force: %v", wrong, flag, a.InForce(flag))
			}
		}
		if got := a.Degraded("the disk is full"); strings.Count(got, " is wrong, and what it said before is in force: ") != len(wrong) || !strings.HasPrefix(got, "the disk is full; --") {
			t.Errorf("%q are wrong: %s", wrong, got)
		}
	}
	for name, text := range texts {
		write(name, text)
	}
	reload()
	if got := a.Degraded(""); got != "" {
		t.Errorf("all are good: %s", got)
	}
}

// TestCertificateOfNoNode reads certificates as those of a node: what is said of others is
// about nodes, and not about a server and its clients.
func TestCertificateOfNoNode(t *testing.T) {
	for name, usage := range map[string][]x509.ExtKeyUsage{"a client's": {x509.ExtKeyUsageClientAuth}, "a server's": {x509.ExtKeyUsageServerAuth}, "an authority's": nil} {
		dir := t.TempDir()
		writeCertificate(t, dir, x509.Certificate{ExtKeyUsage: usage, IsCA: usage == nil})
		file := filepath.Join(dir, "a.crt")
		flags := Flags{PeerCert: file, PeerKey: filepath.Join(dir, "a.key"), PeerCA: file}
		if _, err := flags.Open(slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "is not that of a node") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
