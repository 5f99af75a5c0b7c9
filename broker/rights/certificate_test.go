package rights

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// selfSigned returns a certificate of that template.
func selfSigned(t *testing.T, c x509.Certificate) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c.SerialNumber, c.BasicConstraintsValid = big.NewInt(1), true
	if c.NotAfter.IsZero() {
		c.NotAfter = time.Now().Add(time.Hour)
	}
	der, err := x509.CreateCertificate(rand.Reader, &c, &c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return leaf
}

func authorityPEM(t *testing.T, c x509.Certificate) []byte {
	t.Helper()
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: selfSigned(t, c).Raw})
}

// TestClientCertificateFiles opens files of authorities, users and rights that belong
// together, and such that do not.
func TestClientCertificateFiles(t *testing.T) {
	ca := authorityPEM(t, x509.Certificate{IsCA: true, KeyUsage: x509.KeyUsageCertSign})
	leaf := authorityPEM(t, x509.Certificate{})
	const rule = "read hellox://local/client/press hello_world/#\n"
	for _, k := range []struct {
		name, acl string
		users     []string
		ca        []byte
		want      string
	}{
		{"certificates alone", rule, nil, ca, ""},
		{"beside users", "read alice #\n" + rule, []string{"alice"}, ca, ""},
		{"two authorities", rule, nil, append(bytes.Clone(ca), authorityPEM(t, x509.Certificate{IsCA: true})...), ""},
		{"a role", "role hellox://local/client/press client\n", nil, ca, ""},
		{"no certificate", rule, nil, []byte("x"), "it has no certificate in PEM"},
		{"cut short", rule, nil, append(bytes.Clone(ca), ca[:100]...), "damaged or cut short"},
		{"a leaf", rule, nil, leaf, "certificate 1 is not that of an authority"},
		{"a key", rule, nil, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("x")}), `it has a "PRIVATE KEY"`},
		{"a certificate without --client-ca", rule, []string{"alice"}, nil, "there is no --client-ca"},
		{"a user without --users", "read press #\n", nil, ca, "there are no users: the identity of a client certificate is its URI, such as hellox://local/client/press"},
		{"the name of a user", rule, []string{"press"}, ca, "press is also the name of a user"},
		{"one name of two", "read hellox://other/press #\n" + rule, nil, ca, "press is the name of both"},
		{"a wildcard", "read hellox://local/client/* #\n", nil, ca, "it is compared whole"},
		{"a pod", "read pod:hellox/receive #\n", nil, ca, "the scheme pod"},
		{"no URI", "read :x #\n", nil, ca, "is no URI with a scheme"},
		{"a role without a name", "role urn:x:y client\n", nil, ca, "does not end in a name"},
		{"a long one", "read hellox://local/" + strings.Repeat("x", 255) + " #\n", nil, ca, "at most 255"},
	} {
		dir := t.TempDir()
		paths := Paths{ACL: filepath.Join(dir, "acl")}
		writeFile(t, paths.ACL, k.acl)
		if k.users != nil {
			paths.Users = filepath.Join(dir, "users")
			writeFile(t, paths.Users, userLines(t, k.users...))
		}
		if k.ca != nil {
			paths.ClientCA = filepath.Join(dir, "ca.crt")
			writeFile(t, paths.ClientCA, string(k.ca))
		}
		_, err := OpenFiles(paths, slog.New(slog.DiscardHandler))
		if (err == nil) != (k.want == "") || err != nil && !strings.Contains(err.Error(), k.want) {
			t.Errorf("%s: %v, want %q", k.name, err, k.want)
		}
	}
}

// TestCertificateFilesReload damages each file while it is in use: what was read
// before stays in force. A warning tells of what is most likely not meant.
func TestCertificateFilesReload(t *testing.T) {
	dir := t.TempDir()
	var said bytes.Buffer
	paths := Paths{ACL: filepath.Join(dir, "acl"), ClientCA: filepath.Join(dir, "ca.crt")}
	authority := selfSigned(t, x509.Certificate{IsCA: true, Subject: pkix.Name{CommonName: "old"}, NotAfter: time.Now().Add(-time.Hour)})
	writeFile(t, paths.ClientCA, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: authority.Raw})))
	writeFile(t, paths.ACL, "deny hellox://local/client/pres x\nread hellox://local/client/press hello_world/%i/#\nwrite urn:x:y hello_world/%i\n")
	f, err := OpenFiles(paths, slog.New(slog.NewTextHandler(&said, nil)))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"hellox://local/client/pres acl_file", `CN=old\" was valid until`} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("the log does not have %q: %s", want, said.String())
		}
	}
	leaf := selfSigned(t, x509.Certificate{URIs: []*url.URL{{Scheme: "hellox", Host: "local", Path: "/client/press"}}, NotAfter: time.Now().Add(2 * time.Hour)})
	state := &tls.ConnectionState{PeerCertificates: []*x509.Certificate{leaf}, VerifiedChains: [][]*x509.Certificate{{leaf, authority}}}
	l, err := f.Login(t.Context(), Credentials{User: "alice", TLS: state})
	if err != nil || l.Identity != "hellox://local/client/press" || !l.Ends.Equal(authority.NotAfter) {
		t.Fatalf("%+v, %v", l, err)
	}
	for _, path := range []string{paths.ACL, paths.ClientCA} {
		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, wrong := range []string{"", "x", string(good[:len(good)-20])} {
			writeFile(t, path, wrong)
			if err := f.Reload(); err == nil {
				t.Errorf("%s is read as %q", path, wrong)
			}
			if r := f.Rights(l, "press"); r == nil || !r.MayReceive("hello_world/press/x") || r.MayReceive("hello_world/desk/x") {
				t.Errorf("with a wrong %s the rights are %+v", path, r)
			}
		}
		writeFile(t, path, string(good))
	}
	if r := f.Rights(Login{Identity: "urn:x:y"}, "c"); r == nil || len(r.Publish) != 0 {
		t.Errorf("an identity without a name has %+v", r)
	}
	state.VerifiedChains = nil
	if _, err := f.Login(t.Context(), Credentials{TLS: state}); err == nil {
		t.Error("a certificate that was not verified is let in")
	}
	if _, err := f.Login(t.Context(), Credentials{User: "alice", Password: []byte("x")}); err == nil || !strings.Contains(err.Error(), "shows no certificate") {
		t.Errorf("without a certificate: %v", err)
	}
	writeFile(t, paths.ACL, "read hellox://local/client/other #\n")
	if err := f.Reload(); err != nil || f.Rights(l, "press") != nil || !strings.Contains(f.Gone(l), "does not name hellox://local/client/press any more") {
		t.Errorf("%v, %+v, %q", err, f.Rights(l, "press"), f.Gone(l))
	}
}

// TestAuthorityGoneBesideWrongACL exchanges the authorities while the ACL has a slip: who
// has a certificate of the old one is out, in each of the other orders as well.
func TestAuthorityGoneBesideWrongACL(t *testing.T) {
	dir := t.TempDir()
	var said bytes.Buffer
	paths := Paths{ACL: filepath.Join(dir, "acl"), Users: filepath.Join(dir, "users"), ClientCA: filepath.Join(dir, "ca.crt")}
	old := selfSigned(t, x509.Certificate{IsCA: true})
	inPEM := func(c *x509.Certificate) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
	}
	const acl = "read hellox://local/client/press #\n"
	start := func() (*Files, Login) {
		t.Helper()
		writeFile(t, paths.ClientCA, inPEM(old))
		writeFile(t, paths.Users, userLines(t, "alice"))
		writeFile(t, paths.ACL, acl)
		f, err := OpenFiles(paths, slog.New(slog.NewTextHandler(&said, nil)))
		if err != nil {
			t.Fatal(err)
		}
		return f, Login{Identity: "hellox://local/client/press", Proof: proofOf(old)}
	}
	f, press := start()
	writeFile(t, paths.ClientCA, inPEM(selfSigned(t, x509.Certificate{IsCA: true})))
	writeFile(t, paths.ACL, acl+"raed alice #\n")
	if err := f.Reload(); err == nil || f.Gone(press) != untrusted {
		t.Errorf("%v, %q", err, f.Gone(press))
	}
	if log := said.String(); !strings.Contains(log, "rights not read anew: those of before stay in force") || !strings.Contains(log, "client_authorities=1") || strings.Contains(log, "authorities of clients not read") {
		t.Errorf("the log: %s", log)
	}
	f, press = start()
	writeFile(t, paths.ClientCA, "x")
	writeFile(t, paths.ACL, "read alice #\n")
	if err := f.Reload(); err == nil || !strings.Contains(f.Gone(press), "does not name hellox://local/client/press any more") {
		t.Errorf("with wrong authorities: %v, %q", err, f.Gone(press))
	}
	f, press = start()
	writeFile(t, paths.Users, userLines(t, "alice", "press"))
	writeFile(t, paths.ACL, "deny hellox://local/client/press secret/#\n"+acl)
	if err := f.Reload(); err == nil || f.Gone(press) != "" || f.Rights(press, "press").MayReceive("secret/x") || f.Rights(Login{Identity: "press"}, "x") != nil {
		t.Errorf("with a new user of a certificate's name: %v, %q, %+v", err, f.Gone(press), f.Rights(press, "press"))
	}
}

// TestDeniedIsNotLetIn has a certificate that the ACL names in a rule of deny alone: what
// is allowed to all does not let it in.
func TestDeniedIsNotLetIn(t *testing.T) {
	dir := t.TempDir()
	paths := Paths{ACL: filepath.Join(dir, "acl"), ClientCA: filepath.Join(dir, "ca.crt")}
	authority := selfSigned(t, x509.Certificate{IsCA: true})
	writeFile(t, paths.ClientCA, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: authority.Raw})))
	leaf := selfSigned(t, x509.Certificate{URIs: []*url.URL{{Scheme: "hellox", Host: "local", Path: "/client/press"}}})
	state := &tls.ConnectionState{PeerCertificates: []*x509.Certificate{leaf}, VerifiedChains: [][]*x509.Certificate{{leaf, authority}}}
	const uri = "hellox://local/client/press"
	for acl, in := range map[string]bool{
		"read * #\n":                                    false,
		"deny " + uri + " x\nread * #\n":                false,
		"deny " + uri + " x\nread " + uri + " y\n":      true,
		"deny " + uri + " x\nwrite " + uri + " y\n":     true,
		"deny " + uri + " x\nrole " + uri + " client\n": true,
	} {
		writeFile(t, paths.ACL, acl)
		f, err := OpenFiles(paths, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		l, err := f.Login(t.Context(), Credentials{TLS: state})
		if (err == nil) != in {
			t.Errorf("%q: %+v, %v", acl, l, err)
		}
		if gone := f.Gone(Login{Identity: uri, Proof: proofOf(authority)}); (gone == "") != in {
			t.Errorf("%q: gone: %q", acl, gone)
		}
	}
}

// TestURIIsComparedAsAURI has certificates whose URI differs from the ACL's in small and
// capital letters: in scheme and host that is the same client, elsewhere another.
func TestURIIsComparedAsAURI(t *testing.T) {
	dir := t.TempDir()
	paths := Paths{ACL: filepath.Join(dir, "acl"), ClientCA: filepath.Join(dir, "ca.crt")}
	authority := selfSigned(t, x509.Certificate{IsCA: true})
	writeFile(t, paths.ClientCA, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: authority.Raw})))
	leaf := selfSigned(t, x509.Certificate{URIs: []*url.URL{{Scheme: "Hellox", Host: "LOCAL", Path: "/client/Press"}}})
	state := &tls.ConnectionState{PeerCertificates: []*x509.Certificate{leaf}, VerifiedChains: [][]*x509.Certificate{{leaf, authority}}}
	for uri, in := range map[string]bool{
		"hellox://local/client/Press": true,
		"HELLOX://Local/client/Press": true,
		"hellox://local/client/press": false,
		"hellox://local/Client/Press": false,
	} {
		writeFile(t, paths.ACL, "deny "+uri+" x\nread "+uri+" #\n")
		f, err := OpenFiles(paths, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		l, err := f.Login(t.Context(), Credentials{TLS: state})
		if (err == nil) != in {
			t.Errorf("%s: %+v, %v", uri, l, err)
		}
		if in && (f.Rights(l, "c") == nil || f.Rights(l, "c").MayReceive("x") || !f.Rights(l, "c").MayReceive("y")) {
			t.Errorf("%s: rights %+v", uri, f.Rights(l, "c"))
		}
	}
	writeFile(t, paths.ACL, "role hellox://local/client/press client\nrole HELLOX://LOCAL/client/press client\n")
	if _, err := OpenFiles(paths, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "has a role already") {
		t.Errorf("two roles of one client: %v", err)
	}
}
