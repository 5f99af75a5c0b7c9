package mqtt

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"hellox/stream"
)

// writePair writes a certificate and its key, and returns the Files of a client that has
// them.
func writePair(t *testing.T, pair tls.Certificate) Files {
	t.Helper()
	dir := t.TempDir()
	f := Files{Cert: filepath.Join(dir, "desk.crt"), Key: filepath.Join(dir, "desk.key")}
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err == nil {
		err = errors.Join(
			os.WriteFile(f.Cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]}), 0o600),
			os.WriteFile(f.Key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}), 0o600))
	}
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestOwnCertificateIsExplained shows a broker certificates that TLS refuses: the alert says
// little, what is wrong stands in the client's own file.
func TestOwnCertificateIsExplained(t *testing.T) {
	b := startBroker(t)
	now := time.Now()
	server := issue(t, x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}})
	for name, test := range map[string]struct {
		certificate x509.Certificate
		unknown     bool // to the broker
		says, hint  string
	}{
		"over": {x509.Certificate{NotAfter: now.Add(-time.Hour)}, false,
			"desk.crt in, which was valid until " + now.Add(-time.Hour).UTC().Format(time.DateTime), "hellox certs DIR --client NAME"},
		"not valid yet": {x509.Certificate{NotBefore: now.Add(time.Hour), NotAfter: now.Add(2 * time.Hour)}, false,
			"desk.crt in, which is valid from " + now.Add(time.Hour).UTC().Format(time.DateTime), "look at this machine's clock, which says "},
		"a server's": {x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}, false,
			"desk.crt in, which is not for a client (its extended key usage lacks clientAuth)", "hellox certs DIR --client NAME"},
		"of another authority": {x509.Certificate{Subject: pkix.Name{CommonName: "elsewhere"}}, true,
			"desk.crt in: it does not accept the authority that signed it (CN=elsewhere)", "--client-ca"},
	} {
		t.Run(name, func(t *testing.T) {
			pair := issue(t, test.certificate)
			known := x509.NewCertPool()
			if !test.unknown {
				known.AddCert(pair.Leaf)
			}
			// TLS 1.2 has the alert come in the handshake, 1.3 after it.
			for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
				broker := Broker{Scheme: "mqtts", Files: writePair(t, pair), TLS: &tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12}}
				broker.TLS.RootCAs.AddCert(server.Leaf)
				broker.Host = b.listenTLS(t, &tls.Config{
					Certificates: []tls.Certificate{server}, ClientCAs: known, ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: version, MaxVersion: version,
				})
				conn, err := Dial(t.Context(), DialOptions{Broker: broker})
				if err == nil {
					conn.Close()
					t.Fatal("connected")
				}
				if !errors.Is(err, ErrDenied) || !strings.Contains(err.Error(), test.says) || !strings.Contains(stream.Hint(err), test.hint) {
					t.Errorf("%s: %v\nhint: %s", tls.VersionName(version), err, stream.Hint(err))
				}
			}
		})
	}
}

// TestRefusedCertificateURI has a hellox broker refuse certificates by what their URIs are:
// what they lack is said, and the URI that they have as the ACL compares it.
func TestRefusedCertificateURI(t *testing.T) {
	uri := func(host, path string) *url.URL { return &url.URL{Scheme: "Hellox", Host: host, Path: path} }
	for _, test := range []struct {
		uris        []*url.URL
		cause, hint string
	}{
		{nil, "desk.crt in, which has no URI (subject alternative name)", "hellox certs DIR --client NAME makes one with the URI hellox://local/client/NAME"},
		{[]*url.URL{uri("local", "/client/desk"), uri("local", "/client/press")}, "desk.crt in, which has 2 URIs", "hellox certs DIR --client NAME makes one"},
		{[]*url.URL{uri("LOCAL", "/client/Desk")}, "desk.crt in", "(--acl) must allow something to hellox://local/client/Desk"},
	} {
		broker := Broker{Scheme: "mqtts", Host: "h:1", Files: writePair(t, issue(t, x509.Certificate{URIs: test.uris}))}
		err := newConnectError(broker, asking{}, &stageError{stageMQTT, packets.ErrorRefusedNotAuthorised}, 0)
		if !strings.Contains(err.Cause, test.cause) || !strings.Contains(err.Hint(), test.hint) {
			t.Errorf("%s\nhint: %s\nwant %q, %q", err.Cause, err.Hint(), test.cause, test.hint)
		}
	}
}

// TestUnknownAuthorityIsExplained verifies certificates whose authority is not taken: why
// not is said where package x509 knows it.
func TestUnknownAuthorityIsExplained(t *testing.T) {
	named := func(name string) x509.Certificate {
		return x509.Certificate{Subject: pkix.Name{CommonName: name}, KeyUsage: x509.KeyUsageCertSign}
	}
	root, again := issue(t, named("root")), issue(t, named("root"))
	between := issueBy(t, named("between"), &root)
	for name, test := range map[string]struct {
		by, known   tls.Certificate
		hasCA       bool
		cause, hint string
	}{
		"made anew":     {again, root, true, "not known here: the one that is known by this name (CN=root) has another key", "made anew"},
		"one is absent": {between, root, true, "an authority that is not known here (CN=between)", "the broker is to send it after its own"},
		"of others":     {between, root, false, "an authority that is not known here (CN=between)", "--ca FILE, or"},
	} {
		leaf := issueBy(t, named("leaf"), &test.by)
		roots := x509.NewCertPool()
		roots.AddCert(test.known.Leaf)
		_, err := leaf.Leaf.Verify(x509.VerifyOptions{Roots: roots})
		unknown, ok := errors.AsType[x509.UnknownAuthorityError](err)
		if !ok {
			t.Fatalf("%s: %v", name, err)
		}
		if cause, hint := unknownAuthority(unknown, test.hasCA); !strings.Contains(cause, test.cause) || !strings.Contains(hint, test.hint) {
			t.Errorf("%s: %s\nhint: %s", name, cause, hint)
		}
	}
}

// TestAuthorityIsOver verifies a certificate whose authority's is over: that is said of the
// authority.
func TestAuthorityIsOver(t *testing.T) {
	now := time.Now()
	root := issue(t, x509.Certificate{Subject: pkix.Name{CommonName: "root"}, NotBefore: now.Add(-3 * time.Hour), NotAfter: now.Add(-time.Hour)})
	leaf := issueBy(t, x509.Certificate{Subject: pkix.Name{CommonName: "leaf"}, DNSNames: []string{"a.example"}}, &root)
	roots := x509.NewCertPool()
	roots.AddCert(root.Leaf)
	_, err := leaf.Leaf.Verify(x509.VerifyOptions{Roots: roots})
	invalid, ok := errors.AsType[x509.CertificateInvalidError](err)
	if !ok {
		t.Fatal(err)
	}
	if cause, hint := invalidCertificate(invalid, now); !strings.HasPrefix(cause, "the certificate of its authority (CN=root) was valid until ") || !strings.Contains(hint, "clock") {
		t.Errorf("%s\nhint: %s", cause, hint)
	}
}

// TestWordsOfALibrary has errors of packages tls and x509 that are not explained: they are
// said without the packages' names, and with a hint.
func TestWordsOfALibrary(t *testing.T) {
	for _, err := range []error{
		errors.New("tls: failed to parse certificate from server: x509: malformed certificate"),
		errors.New("tls: server sent an ServerHello extension forbidden in TLS 1.3"),
		&tls.CertificateVerificationError{Err: x509.UnhandledCriticalExtension{}},
		&tls.CertificateVerificationError{Err: x509.SystemRootsError{Err: errors.New("x")}},
		&tls.CertificateVerificationError{Err: x509.CertificateInvalidError{Reason: x509.TooManyConstraints}},
	} {
		e := newConnectError(Broker{Scheme: "mqtts", Host: "h:1"}, asking{}, &stageError{stageTLS, err}, 0)
		if e.Cause == "" || e.Hint() == "" || strings.Contains(e.Cause, "tls:") || strings.Contains(e.Cause, "x509:") {
			t.Errorf("%v: %s\nhint: %s", err, e.Cause, e.Hint())
		}
	}
}
