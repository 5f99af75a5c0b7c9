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
	"strings"
	"testing"
	"time"
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
