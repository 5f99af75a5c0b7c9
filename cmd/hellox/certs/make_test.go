package certs

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func load(t *testing.T, dir, name string) *x509.Certificate {
	t.Helper()
	c, err := tls.LoadX509KeyPair(filepath.Join(dir, name+".crt"), filepath.Join(dir, name+".key"))
	if err != nil {
		t.Fatal(err)
	}
	return c.Leaf
}

// TestMake makes the files, and then those of another client: what was there stays
// byte for byte.
func TestMake(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "certs")
	o := Options{Dir: dir, Hosts: []string{"broker.example", "127.0.0.1"}, Clients: []string{"press"}, Now: time.Now()}
	made, err := Make(o)
	if err != nil || len(made) != 6 {
		t.Fatalf("%v, %v", made, err)
	}
	before := map[string]string{}
	for _, path := range made {
		info, err := os.Stat(path)
		text, _ := os.ReadFile(path)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
		before[path] = string(text)
	}
	o.Clients = []string{"press", "desk"}
	made, err = Make(o)
	if want := []string{filepath.Join(dir, "desk.key"), filepath.Join(dir, "desk.crt")}; err != nil || !slices.Equal(made, want) {
		t.Errorf("the second time it made %v, %v", made, err)
	}
	for path, text := range before {
		if got, _ := os.ReadFile(path); string(got) != text {
			t.Errorf("%s has changed", path)
		}
	}
	roots := x509.NewCertPool()
	roots.AddCert(load(t, dir, "ca"))
	for name, usage := range map[string]x509.ExtKeyUsage{"server": x509.ExtKeyUsageServerAuth, "press": x509.ExtKeyUsageClientAuth, "desk": x509.ExtKeyUsageClientAuth} {
		leaf := load(t, dir, name)
		for _, tried := range []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth} {
			_, err := leaf.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{tried}})
			if (err == nil) != (tried == usage) {
				t.Errorf("%s for %v: %v", name, tried, err)
			}
		}
		if uris := len(leaf.URIs); (name == "server") != (uris == 0) || uris > 1 || leaf.IsCA {
			t.Errorf("%s has %d URIs, is an authority: %v", name, uris, leaf.IsCA)
		}
	}
	server := load(t, dir, "server")
	for _, host := range []string{"broker.example", "127.0.0.1"} {
		if err := server.VerifyHostname(host); err != nil {
			t.Error(err)
		}
	}
}

func TestMakeRefuses(t *testing.T) {
	o := Options{Dir: t.TempDir(), Hosts: []string{"localhost"}, Now: time.Now()}
	if err := os.WriteFile(filepath.Join(o.Dir, "server.key"), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Make(o); err == nil || !strings.Contains(err.Error(), "one is there and one is not") {
		t.Errorf("half a pair: %v", err)
	}
	if text, _ := os.ReadFile(filepath.Join(o.Dir, "server.key")); string(text) != "mine" {
		t.Error("it is overwritten")
	}
	os.Remove(filepath.Join(o.Dir, "server.key"))
	o.Now = o.Now.Add(2 * lifetime)
	if _, err := Make(o); err == nil || !strings.Contains(err.Error(), "was valid until") {
		t.Errorf("an authority that is over: %v", err)
	}
}
