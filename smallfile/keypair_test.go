package smallfile

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestKeyPairNamesTheFile: which of the two files is wrong stands in the error.
func TestKeyPairNamesTheFile(t *testing.T) {
	const certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
	const key = "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n"
	for _, test := range []struct{ cert, key, want string }{
		{"", key, "a.crt holds no certificate in PEM"},
		{key, certificate, "a.crt holds no certificate in PEM"},
		{certificate, "", "a.key holds no private key in PEM"},
		{certificate, certificate, "a.key holds no private key in PEM"},
		{certificate, key, "a.crt has a certificate that is damaged"},
	} {
		dir := t.TempDir()
		for name, text := range map[string]string{"a.crt": test.cert, "a.key": test.key} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := KeyPair(filepath.Join(dir, "a.crt"), filepath.Join(dir, "a.key")); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v, want %q", err, test.want)
		}
	}
}

// pairOf returns a certificate and its key in PEM.
func pairOf(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}))
}

// TestPairIsExplained: what is wrong with a pair is said in a sentence, with what helps,
// and not in the words of package tls.
func TestPairIsExplained(t *testing.T) {
	cert, key := pairOf(t)
	_, other := pairOf(t)
	if _, err := ParseKeyPair("a.crt", "a.key", []byte(cert), []byte(key)); err != nil {
		t.Fatalf("the control: %v", err)
	}
	block := func(kind, headers string) string {
		return "-----BEGIN " + kind + "-----\n" + headers + "AAAA\n-----END " + kind + "-----\n"
	}
	for _, test := range []struct{ cert, key, want, hint string }{
		{block("CERTIFICATE", ""), key, "a.crt has a certificate that is damaged", "openssl x509"},
		{cert, block("PRIVATE KEY", ""), "a.key has a key that is damaged", "openssl pkey"},
		{cert, block("ENCRYPTED PRIVATE KEY", ""), "a.key has a key that is encrypted with a passphrase", "openssl pkey -in a.key"},
		{cert, block("EC PRIVATE KEY", "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\n"), "a.key has a key that is encrypted with a passphrase", "openssl pkey -in a.key"},
		{cert, other, "a.key is not the key of a.crt", "openssl x509 -noout -pubkey -in a.crt"},
	} {
		_, err := ParseKeyPair("a.crt", "a.key", []byte(test.cert), []byte(test.key))
		explained := new(PairError)
		if !errors.As(err, &explained) || !strings.Contains(err.Error(), test.want) || !strings.Contains(explained.Hint(), test.hint) {
			t.Errorf("%v, want %q and a hint with %q", err, test.want, test.hint)
			continue
		}
		if strings.Contains(err.Error(), "tls:") || strings.Contains(err.Error(), "x509:") {
			t.Errorf("words of a library: %v", err)
		}
	}
}
