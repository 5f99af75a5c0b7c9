package smallfile

import (
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
		{certificate, key, "a.crt and "},
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
