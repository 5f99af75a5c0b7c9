package jetstream

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"

	natsgo "github.com/nats-io/nats.go"
)

const defaultPort = "4222"

// ParseServers reads the servers of nats://HOST:PORT,HOST:PORT… as Connect takes them.
func ParseServers(url string) ([]string, error) {
	rest, ok := strings.CutPrefix(url, "nats://")
	if !ok {
		return nil, fmt.Errorf("%q does not begin with nats://", url)
	}
	var servers []string
	for one := range strings.SplitSeq(rest, ",") {
		one = strings.TrimSuffix(strings.TrimPrefix(one, "nats://"), "/")
		host, port, err := net.SplitHostPort(one)
		if err != nil {
			host, port = strings.Trim(one, "[]"), defaultPort
		}
		if host == "" || strings.ContainsAny(host, "/@? ") {
			return nil, fmt.Errorf("%q is not HOST:PORT of a server of NATS", one)
		}
		servers = append(servers, net.JoinHostPort(host, port))
	}
	return servers, nil
}

// Connect connects to one of the servers, and to another one when that is gone, until
// the connection is closed. config is nil for plain connections.
func Connect(servers []string, config *tls.Config, log *slog.Logger) (*natsgo.Conn, error) {
	scheme := "nats://"
	options := []natsgo.Option{
		natsgo.Name("hellox receive"), natsgo.MaxReconnects(-1), natsgo.ReconnectWait(250 * time.Millisecond), natsgo.ReconnectJitter(100*time.Millisecond, 100*time.Millisecond),
		// A server that is cut off closes no connection: nats.go would notice after 4 minutes.
		natsgo.PingInterval(3 * time.Second), natsgo.MaxPingsOutstanding(2),
		natsgo.DisconnectErrHandler(func(_ *natsgo.Conn, err error) {
			if err != nil {
				log.Warn("no connection to the history", "cause", err.Error())
			}
		}),
		natsgo.ReconnectHandler(func(c *natsgo.Conn) { log.Info("connected to the history again", "server", c.ConnectedUrlRedacted()) }),
		natsgo.ErrorHandler(func(_ *natsgo.Conn, _ *natsgo.Subscription, err error) {
			log.Warn("the history's server says", "cause", err.Error())
		}),
	}
	if config != nil {
		scheme, options = "tls://", append(options, natsgo.Secure(config))
	}
	c, err := natsgo.Connect(scheme+strings.Join(servers, ","+scheme), options...)
	if err != nil {
		return nil, fmt.Errorf("connect to the history at %s: %w", strings.Join(servers, ", "), err)
	}
	return c, nil
}
