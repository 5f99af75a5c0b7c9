package access

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
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
// what is wrong only for a time is taken with a warning.
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
			if stays := a.certificate.now.Load() == before; stays != test.refused {
				t.Errorf("the one of before stays: %v", stays)
			}
			if !strings.Contains(text.String(), test.want) {
				t.Errorf("the log says %q", text.String())
			}
		})
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
