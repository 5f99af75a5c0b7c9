package certs

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"hellox/smallfile"
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
	if all, _ := os.ReadDir(o.Dir); len(all) != 1 {
		t.Errorf("something was made: %v", all)
	}
	os.Remove(filepath.Join(o.Dir, "server.key"))
	if _, err := Make(o); err != nil {
		t.Fatal(err)
	}
	o.Now = o.Now.Add(2 * lifetime)
	if _, err := Make(o); err == nil || !strings.Contains(err.Error(), "was valid until") {
		t.Errorf("an authority that is over: %v", err)
	}
}

// TestMakeChecks breaks what is there in each way: it is named, with the files to
// delete, and nothing is made. Without those files the next Make makes it good. What
// is wrong with the authority has none: the next is for another folder.
func TestMakeChecks(t *testing.T) {
	other := t.TempDir()
	if _, err := Make(Options{Dir: other, Hosts: []string{"localhost"}, Clients: []string{"press"}, Now: time.Now()}); err != nil {
		t.Fatal(err)
	}
	take := func(t *testing.T, dir, from, to string) {
		for _, end := range []string{".crt", ".key"} {
			text, err := os.ReadFile(filepath.Join(other, from+end))
			if err = errors.Join(err, os.WriteFile(filepath.Join(dir, to+end), text, 0o600)); err != nil {
				t.Fatal(err)
			}
		}
	}
	write := func(name, text string) func(*testing.T, string, *Options) {
		return func(_ *testing.T, dir string, _ *Options) {
			_ = os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600)
		}
	}
	remove := func(names ...string) func(*testing.T, string, *Options) {
		return func(_ *testing.T, dir string, _ *Options) {
			for _, name := range names {
				os.Remove(filepath.Join(dir, name))
			}
		}
	}
	for _, test := range []struct {
		name   string
		damage func(t *testing.T, dir string, o *Options)
		want   string
		files  []string
	}{
		{"an empty certificate", write("server.crt", ""), "server.crt holds no certificate in PEM", []string{"server.crt", "server.key"}},
		{"an empty key", write("press.key", ""), "press.key holds no private key in PEM", []string{"press.crt", "press.key"}},
		{"an empty authority", write("ca.crt", ""), "ca.crt holds no certificate in PEM", nil},
		{"half a pair", remove("server.crt"), "one is there and one is not", []string{"server.key"}},
		{"half an authority", remove("ca.key"), "one is there and one is not", nil},
		{"without its authority", remove("ca.crt", "ca.key"), "server.crt is there without the authority", nil},
		{"of another authority", func(t *testing.T, dir string, _ *Options) { take(t, dir, "server", "server") }, "server.crt is not signed by", []string{"server.crt", "server.key"}},
		{"a client's for the broker", func(t *testing.T, dir string, _ *Options) {
			for _, end := range []string{".crt", ".key"} {
				os.Rename(filepath.Join(dir, "press"+end), filepath.Join(dir, "server"+end))
			}
		}, "server.crt is not the certificate of a broker", []string{"server.crt", "server.key"}},
		{"other hosts", func(_ *testing.T, _ string, o *Options) { o.Hosts = []string{"LOCALHOST", "other.localhost"} }, "server.crt is for localhost, not for other.localhost", []string{"server.crt", "server.key"}},
		{"hosts that the authority may not sign for", func(_ *testing.T, _ string, o *Options) { o.Hosts = []string{"LOCALHOST", "notlocalhost", "127.0.0.1"} }, "ca.crt may not sign for notlocalhost, 127.0.0.1", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			o := Options{Dir: dir, Hosts: []string{"localhost"}, Clients: []string{"press"}, Now: time.Now()}
			if _, err := Make(o); err != nil {
				t.Fatal(err)
			}
			test.damage(t, dir, &o)
			o.Clients = append(o.Clients, "desk")
			broken := new(Unusable)
			made, err := Make(o)
			if !errors.As(err, &broken) || !strings.Contains(err.Error(), test.want) || len(made) > 0 {
				t.Fatalf("%v, %v; want %q", made, err, test.want)
			}
			for i, name := range broken.Files {
				broken.Files[i] = filepath.Base(name)
			}
			if !slices.Equal(broken.Files, test.files) {
				t.Errorf("%v are to be deleted, want %v", broken.Files, test.files)
			}
			for _, name := range broken.Files {
				os.Remove(filepath.Join(dir, name))
			}
			if len(broken.Files) == 0 {
				o.Dir = t.TempDir()
			}
			_, err = Make(o)
			if err != nil {
				t.Error(err)
			}
		})
	}
	o := Options{Dir: other, Hosts: []string{"default.example"}, AnyHost: true, Now: time.Now()}
	if made, err := Make(o); err != nil || len(made) > 0 {
		t.Errorf("hosts that were not asked for: %v, %v", made, err)
	}
}

// TestConstraints has the authority sign for its hosts and for clients, and not for
// others: by package x509 and by OpenSSL.
func TestConstraints(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil && os.Getenv("CI") == "true" {
		t.Error("there is no openssl")
	}
	for _, hosts := range [][]string{{"localhost", "127.0.0.1", "::1"}, {"*.broker.example"}, {"10.0.0.7"}, {"a.example", "b.example"}} {
		o := Options{Dir: t.TempDir(), Hosts: hosts, Clients: []string{"press", "press.desk"}, Now: time.Now()}
		if _, err := Make(o); err != nil {
			t.Fatal(err)
		}
		if _, err := Make(o); err != nil {
			t.Errorf("%v: the second time: %v", hosts, err)
		}
		authority, err := smallfile.KeyPair(pair{"ca"}.files(o.Dir))
		if err != nil {
			t.Fatal(err)
		}
		roots := x509.NewCertPool()
		roots.AddCert(authority.Leaf)
		try := func(name string, wanted bool) {
			t.Helper()
			leaf := load(t, o.Dir, name)
			if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: leaf.ExtKeyUsage}); (err == nil) != wanted {
				t.Errorf("authority for %v, %v: %v", hosts, names(leaf), err)
			}
			if openssl == "" {
				return
			}
			out, err := exec.Command(openssl, "verify", "-CAfile", filepath.Join(o.Dir, "ca.crt"), filepath.Join(o.Dir, name+".crt")).CombinedOutput()
			if (err == nil) != wanted {
				t.Errorf("authority for %v, %v: openssl says %s", hosts, names(leaf), out)
			}
		}
		for _, name := range []string{"server", "press", "press.desk"} {
			try(name, true)
		}
		for i, c := range []*x509.Certificate{
			{DNSNames: []string{"bank.example"}},
			{IPAddresses: []net.IP{net.IPv4(10, 0, 0, 8).To4()}},
			{IPAddresses: []net.IP{net.ParseIP("fd00::1")}},
			{EmailAddresses: []string{"someone@bank.example"}},
			{URIs: []*url.URL{{Scheme: "hellox", Host: "other", Path: "/client/press"}}},
		} {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
			name := fmt.Sprint("foreign", i)
			if err := o.sign(new([]string), pair{name}, c, &authority); err != nil {
				t.Fatal(err)
			}
			try(name, false)
		}
	}
}

// TestAuthorityOfBefore has one without constraints go on to sign for any host.
func TestAuthorityOfBefore(t *testing.T) {
	o := Options{Dir: t.TempDir(), Hosts: []string{"any.example"}, Now: time.Now()}
	own := &x509.Certificate{Subject: pkix.Name{CommonName: "hellox certs"}, IsCA: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign}
	if err := o.sign(new([]string), pair{"ca"}, own, nil); err != nil {
		t.Fatal(err)
	}
	if made, err := Make(o); err != nil || len(made) != 2 {
		t.Errorf("%v, %v", made, err)
	}
}

// TestCreateIsWholeOrNot writes a file that is there already: it stays, and nothing
// is left beside it.
func TestCreateIsWholeOrNot(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.crt")
	for i := range 2 {
		if err := create(path, "CERTIFICATE", bytes.Repeat([]byte{byte(i)}, 100)); (err == nil) != (i == 0) {
			t.Error(i, err)
		}
	}
	all, err := os.ReadDir(dir)
	if text, _ := os.ReadFile(path); err != nil || len(all) != 1 || !strings.Contains(string(text), "AAAA") {
		t.Errorf("%v, %v, %q", all, err, text)
	}
}

func TestIsHost(t *testing.T) {
	for _, host := range []string{"localhost", "a.B-c.example", "*.example.org", "my_host", "::1", "127.0.0.1"} {
		if !IsHost(host) {
			t.Errorf("%q is none", host)
		}
	}
	for _, host := range []string{"", "a..b", "a\nb", "a,b", "-x", "x-", "*", "a.*.b", "ä.example", "a.", "a b", "h:1", "fe80::1%eth0", strings.Repeat("a", 64), strings.Repeat("a.", 150) + "b"} {
		if IsHost(host) {
			t.Errorf("%q is one", host)
		}
	}
}
