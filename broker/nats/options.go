package nats

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"hellox/broker/rights"
)

// Options configure a Node.
type Options struct {
	Name  string // of the node; in a cluster another one each
	Store string // folder of its streams
	// MQTT is where MQTT clients connect, and TLS what they are shown; nil: they
	// speak plainly. Without MQTT no such client is let in, and receivers read what there
	// is.
	MQTT *net.TCPAddr
	TLS  *tls.Config
	// Local is a listener on loopback beside MQTT, which then needs TLS: its clients may
	// do everything without saying who they are. nil: there is none. Serve closes it.
	Local net.Listener
	// One of these: Open lets every client do everything, Authority asks each who it
	// is, Insecure gives all the rights of rights.Insecure.
	Open      bool
	Authority rights.Authority
	Insecure  bool

	// Routes is where the other nodes connect, Peers are those nodes (HOST:PORT; this
	// one may be among them), Clients is where receivers connect. All three speak TLS
	// and show a certificate that PeerTLS accepts. nil and none: a node alone.
	Routes  *net.TCPAddr
	Peers   []string
	Clients *net.TCPAddr
	PeerTLS *tls.Config

	Keep     int64         // bytes of the messages stream; 0: DefaultKeep
	KeepFor  time.Duration // age of its messages; 0: DefaultKeepFor
	LameDuck time.Duration // at the end clients are moved to other nodes during this time

	Log     *slog.Logger
	Metrics prometheus.Registerer // nil: none
}

// The defaults of what is kept of messages. A client that stays away for longer than
// DefaultKeepFor, or than Keep lasts, misses messages.
const (
	DefaultKeep    = 1 << 30
	DefaultKeepFor = 24 * time.Hour
)

// replicas returns on how many nodes each stream is: one that is alone has all of
// them, else three have.
func (o *Options) replicas() int {
	if o.Routes == nil {
		return 1
	}
	return clusterReplicas
}

const clusterReplicas = 3

func (o *Options) check() error {
	switch {
	case o.Name == "" || strings.ContainsAny(o.Name, " .*>\t\r\n"):
		return fmt.Errorf("the name %q of a node is empty, or has one of . * > or white space", o.Name)
	case o.Store == "":
		return errors.New("a node needs a folder for its streams")
	case o.MQTT == nil && o.Clients == nil:
		return errors.New("a node needs an address for MQTT clients, or for receivers")
	case (o.Routes == nil) != (len(o.Peers) == 0):
		return errors.New("the address for other nodes and their addresses go together")
	case (o.Routes != nil || o.Clients != nil) && o.PeerTLS == nil:
		return errors.New("other nodes and receivers connect by TLS only, with certificates on both sides")
	case o.Open && o.Authority != nil:
		return errors.New("an open node asks for no users")
	case o.Local != nil && (o.TLS == nil || o.TLS.ClientAuth != tls.NoClientCert):
		return errors.New("a listener for local clients goes beside one with TLS that asks for no certificates")
	case o.MQTT == nil: // what follows is of its clients
	case !o.Open && o.Authority == nil && !o.Insecure:
		return fmt.Errorf("listen on %s: it is beyond loopback, where it needs TLS and users", o.MQTT)
	case (o.Open || o.TLS == nil && o.Authority != nil) && !o.MQTT.IP.IsLoopback():
		return fmt.Errorf("listen on %s: it is beyond loopback, where it needs TLS and users", o.MQTT)
	}
	for _, peer := range o.Peers {
		if err := CheckPeer(peer); err != nil {
			return err
		}
	}
	return nil
}

// CheckPeer returns why peer is not the address of a node, or nil.
func CheckPeer(peer string) error {
	host, port, err := net.SplitHostPort(peer)
	n, errPort := strconv.ParseUint(port, 10, 16)
	if err != nil || host == "" || errPort != nil || n == 0 {
		return fmt.Errorf("%q is not HOST:PORT of a node", peer)
	}
	return nil
}

// routes returns the peers as nats-server takes them.
func (o *Options) routes() (urls []*url.URL) {
	for _, peer := range o.Peers {
		urls = append(urls, &url.URL{Scheme: "nats-route", Host: peer})
	}
	return urls
}

// VerifyPeer lets only certificates pass that are those of nodes: of a server and of a
// client in one. A certificate of an MQTT client, by the same authority, opens neither
// the routes nor the streams. It is a tls.Config's VerifyConnection.
func VerifyPeer(state tls.ConnectionState) error {
	if len(state.PeerCertificates) == 0 {
		return errors.New("no certificate was shown")
	}
	usage := state.PeerCertificates[0].ExtKeyUsage
	if !slices.Contains(usage, x509.ExtKeyUsageServerAuth) || !slices.Contains(usage, x509.ExtKeyUsageClientAuth) {
		return errors.New("the certificate is not that of a node: it must be for servers and for clients")
	}
	return nil
}
