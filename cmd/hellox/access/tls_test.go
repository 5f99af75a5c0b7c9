package access

import (
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTLS13Alone comes to a listener with each version of TLS, where users have passwords
// and where they have certificates.
func TestTLS13Alone(t *testing.T) {
	dir := t.TempDir()
	writeCertificate(t, dir, x509.Certificate{DNSNames: []string{"localhost"}, IsCA: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature})
	acl := filepath.Join(dir, "acl")
	if err := os.WriteFile(acl, []byte("read hellox://local/client/desk hello_world/#\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	server := Flags{Cert: filepath.Join(dir, "a.crt"), Key: filepath.Join(dir, "a.key")}
	certificates := server
	certificates.ClientCA, certificates.ACL = server.Cert, acl
	for name, flags := range map[string]Flags{"no clients": server, "client certificates": certificates} {
		opened, err := flags.Open(slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		for _, version := range []uint16{tls.VersionTLS10, tls.VersionTLS11, tls.VersionTLS12, tls.VersionTLS13} {
			near, far := net.Pipe()
			go func() { _ = tls.Server(far, opened.TLS()).Handshake() }()
			config := &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: version, InsecureSkipVerify: true} //nolint:gosec // only the version counts
			err := tls.Client(near, config).Handshake()
			near.Close()
			far.Close()
			if spoken := err == nil; spoken != (version == tls.VersionTLS13) || !spoken && !strings.Contains(err.Error(), "protocol version") {
				t.Errorf("%s: %s: %v", name, tls.VersionName(version), err)
			}
		}
	}
}
