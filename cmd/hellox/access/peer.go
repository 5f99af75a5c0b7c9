package access

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/spf13/pflag"

	"hellox/smallfile"
)

// peerFlag is the flag of the certificate of a node.
const peerFlag = "peer-cert"

// AddPeers defines the flags of what the nodes of a cluster show each other.
func (f *Flags) AddPeers(flags *pflag.FlagSet) {
	flags.StringVar(&f.PeerCert, peerFlag, "", "`FILE` of the certificate by which the nodes know each other, for servers and for clients (PEM)")
	flags.StringVar(&f.PeerKey, "peer-key", "", "`FILE` of the key of --peer-cert (PEM)")
	flags.StringVar(&f.PeerCA, "peer-ca", "", "`FILE` of the CA certificates that the other nodes' are signed by (PEM)")
}

// A peer is a node to the others.
type peer struct {
	certificate *certificate
	trusted     *x509.CertPool
}

func openPeer(f *Flags, log *slog.Logger) (*peer, error) {
	c, err := openCertificate(peerFlag, f.PeerCert, f.PeerKey, log)
	if err != nil {
		return nil, err
	}
	text, err := smallfile.Read(f.PeerCA)
	if err != nil {
		return nil, fmt.Errorf("read the CA certificates: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, errors.New("read the CA certificates: " + f.PeerCA + " has none (PEM)")
	}
	return &peer{c, pool}, nil
}

// checkPeer returns why no node accepts c as the certificate of another, or nil.
func checkPeer(c *x509.Certificate, path string) error {
	if !slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageServerAuth) || !slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageClientAuth) {
		return fmt.Errorf("%s is not that of a node: it must be for servers and for clients (make one with hellox certs --peer)", path)
	}
	return nil
}

// PeerTLS returns the configuration of both sides of a connection between nodes, or
// nil without a certificate for it. verify sees what the other side has shown.
func (a *Access) PeerTLS(verify func(tls.ConnectionState) error) *tls.Config {
	if a.peer == nil {
		return nil
	}
	c := a.peer.certificate
	return &tls.Config{
		MinVersion: tls.VersionTLS13, GetCertificate: c.get,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return c.now.Load(), nil },
		RootCAs:              a.peer.trusted, ClientCAs: a.peer.trusted, ClientAuth: tls.RequireAndVerifyClientCert, VerifyConnection: verify,
	}
}
