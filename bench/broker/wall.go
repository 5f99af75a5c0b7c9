package main

import (
	"context"
	"fmt"
	"net"
	"strings"

	"hellox/broker/rights"
)

// walled is hellox with users and rights. Each client is the user bench, of whom
// 20 rules speak; the last one of them allows what it does.
func walled(durable bool) peer {
	return peer{"hellox, with an ACL", func(ctx context.Context, dir string) (*running, error) {
		return startChild(ctx, fmt.Sprintf("walled %v %s", durable, dir))
	}}
}

// A wall lets every client in as the user bench: what a password costs is not a
// matter of each message.
type wall struct{ acl *rights.ACL }

func newWall() (rights.Authority, error) {
	var b strings.Builder
	for i := range 5 {
		fmt.Fprintf(&b, "deny bench bench/secret/%d/#\n", i)
	}
	for i := range 7 {
		fmt.Fprintf(&b, "read bench other/%d/+/%%i/#\nwrite bench other/%d/%%c\n", i, i)
	}
	b.WriteString("read bench bench/#\nwrite bench bench/+\n")
	acl, err := rights.ParseACL(b.String())
	return wall{acl}, err
}

func (w wall) Login(context.Context, rights.Credentials) (rights.Login, error) {
	return rights.Login{Identity: "bench"}, nil
}
func (w wall) MayUse(rights.Login, string) error { return nil }
func (w wall) Rights(l rights.Login, clientID string) *rights.Rights {
	return w.acl.Rights(l.Identity, clientID)
}

// measureClients prints what a client takes of the broker's own memory: one that
// has sent half a CONNECT, one that is connected and idle, and one whose session
// waits for it.
func measureClients(ctx context.Context, c config) error {
	const name, clients = "memory of a client", 2000
	if !strings.Contains(name, c.only) {
		return nil
	}
	fmt.Printf("\n%s, of %d (B2: half-open at most 16 KiB)\n", name, clients)
	subscribed := func(name string, clean bool) func(addr string, i int) (net.Conn, error) {
		return func(addr string, i int) (net.Conn, error) {
			cl, err := dial(addr, fmt.Sprintf("%s-%d", name, i), clean)
			if err != nil {
				return nil, err
			}
			return cl.c, cl.subscribe(fmt.Sprintf("%s/%d", name, i), 1)
		}
	}
	for _, k := range []struct {
		name string
		open func(addr string, i int) (net.Conn, error)
		stay bool
	}{
		{"half-open", func(addr string, _ int) (net.Conn, error) {
			conn, err := net.Dial("tcp", addr)
			if err == nil {
				_, err = conn.Write([]byte{0x10, 40, 0, 4, 'M', 'Q'})
			}
			return conn, err
		}, true},
		{"idle, connected", subscribed("idle", true), true},
		{"absent, with a session", subscribed("absent", false), false},
	} {
		bytes, err := c.memoryOf(ctx, clients, k.open, k.stay)
		if err != nil {
			return fmt.Errorf("%s: %w", k.name, err)
		}
		fmt.Printf("  %-24s %6.1f KiB each\n", k.name, bytes/1024)
	}
	return nil
}

// memoryOf returns how many bytes the broker's own memory grows by for each client.
// They stay connected, or leave before it is looked at.
func (c config) memoryOf(ctx context.Context, clients int, open func(addr string, i int) (net.Conn, error), stay bool) (float64, error) {
	p, err := ours(false).start(ctx, "-")
	if err != nil {
		return 0, err
	}
	defer p.stop()
	before := p.ownMemory()
	peak := p.watchMemory()
	for i := range clients {
		conn, err := open(p.addr, i)
		if err != nil {
			return 0, err
		}
		if stay {
			defer conn.Close()
		} else {
			conn.Close()
		}
	}
	if stay {
		return float64(peak()-before) / float64(clients), nil
	}
	peak()
	return float64(p.ownMemory()-before) / float64(clients), nil
}
