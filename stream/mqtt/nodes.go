package mqtt

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// nodes returns b once for each of its hosts.
func (b Broker) nodes() []Broker {
	all := []Broker{b}
	for _, host := range b.Others {
		one := b
		one.Host = host
		all = append(all, one)
	}
	for i := range all {
		all[i].Others = nil
	}
	return all
}

// cutHosts splits what follows a broker's scheme into a URL's rest with the first host
// alone, and the other hosts of a list, h1:1883,h2:1883. Each may repeat the scheme.
func cutHosts(scheme, rest string) (first string, others []string) {
	at := strings.LastIndexByte(rest, '@') + 1 // a user or a password may have commas
	hosts := strings.ReplaceAll(rest[at:], ","+scheme+"://", ",")
	path := ""
	if i := strings.IndexAny(hosts, "/?#"); i >= 0 {
		hosts, path = hosts[:i], hosts[i:]
	}
	all := strings.Split(hosts, ",")
	return rest[:at] + all[0] + path, all[1:]
}

// nodeTimeout bounds the attempt at one of several hosts, from the name look-up to
// CONNACK. The last one that may be well gets dialTimeout: a broker that is slow, and not
// gone, lets in then.
const nodeTimeout = 4 * time.Second

// Connect opens a connection, or returns a *ConnectError or ctx's error. Of a broker of
// several hosts it is to any of those that let it in.
func Connect(ctx context.Context, o ClientOptions) (*Client, error) {
	var err error
	if o.Broker, err = o.Broker.fresh(); err != nil {
		return nil, err
	}
	return anyNode(ctx, o.Broker, o.Before, func(b Broker, limit time.Duration) (*Client, error) {
		o.Broker = b
		return connect(ctx, o, limit)
	})
}

// anyNode tries one host of b after the other, until one succeeds or ctx ends. It
// begins with any of them, so that many clients spread. The host of the connection before
// comes after the others: its machine may be cut off. The error is that of the host which
// came furthest.
func anyNode[T any](ctx context.Context, b Broker, before string, attempt func(Broker, time.Duration) (T, error)) (none T, _ error) {
	nodes := b.nodes()
	failed := make([]error, len(nodes))
	order := rand.Perm(len(nodes)) //nolint:gosec // it is no secret
	patient := len(nodes) - 1      // of order, the one with the most time
	if i := slices.IndexFunc(order, func(at int) bool { return nodes[at].Host == before }); i >= 0 && len(nodes) > 1 {
		at := order[i]
		order = append(slices.Delete(order, i, i+1), at)
		patient--
	}
	for i, at := range order {
		limit := nodeTimeout
		if i == patient {
			limit = dialTimeout
		}
		done, err := attempt(nodes[at], limit)
		if err == nil {
			return done, nil
		}
		if ctx.Err() != nil {
			return none, err
		}
		failed[at] = err
	}
	furthest := failed[0] // of equals the first in the list: the same each time
	for _, err := range failed[1:] {
		if stageOf(err) > stageOf(furthest) {
			furthest = err
		}
	}
	return none, furthest
}
