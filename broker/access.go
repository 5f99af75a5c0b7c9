package broker

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"

	"github.com/mochi-mqtt/server/v2/packets"

	"hellox/broker/journal"
	"hellox/broker/rights"
)

// A gate is what a listener asks of its clients, and gives them.
type gate struct {
	authority rights.Authority // nil: clients are not asked who they are
	fixed     *rights.Rights   // without an authority, those of every client
}

// gateOf returns the gate of a listener, or an error if clients that it must not
// let in could reach it.
func (o *Options) gateOf(l Listener) (gate, error) {
	switch {
	case l.Open:
		return gate{fixed: rights.Open()}, nil
	case o.Authority != nil && (l.TLS != nil || isLoopback(l.Net)):
		return gate{authority: o.Authority}, nil
	case o.Authority == nil && o.Insecure:
		return gate{fixed: rights.Insecure()}, nil
	}
	return gate{}, fmt.Errorf("listen on %s: beyond loopback it needs TLS and users, or --insecure", l.Net.Addr())
}

func isLoopback(l net.Listener) bool {
	a, ok := l.Addr().(*net.TCPAddr)
	return ok && a.IP.IsLoopback()
}

// A subject is who a client is to its listener. What it may do can change while it
// is connected, and after it has left.
type subject struct {
	gate     gate
	login    rights.Login
	clientID string
}

// rights returns what the subject may do now, or nil if it is no longer known.
func (s *subject) rights() *rights.Rights {
	if s.gate.authority == nil {
		return s.gate.fixed
	}
	return s.gate.authority.Rights(s.login, s.clientID)
}

// gone returns why the subject has no rights any more, in one sentence.
func (s *subject) gone() string {
	if a, ok := s.gate.authority.(rights.Explainer); ok {
		if reason := a.Gone(s.login); reason != "" {
			return reason
		}
	}
	return "the client is not known any more; connect again"
}

// own notes on a retained message whose it is: it stays as long as its publisher
// may publish there.
func (s *subject) own(m *journal.Message) {
	if m.Retain {
		m.Owner = s.login.Identity
	}
}

// mayStillPublish reports whether the publisher of a retained message may publish
// it now. One without an identity could publish it when there were no users.
func (s *shared) mayStillPublish(m *journal.Message) bool {
	return m.Owner == "" || s.authority == nil || s.authority.Rights(rights.Login{Identity: m.Owner}, m.Origin).MayPublish(m.Topic)
}

// rights returns what the client may do now; nil before it is let in.
func (c *conn) rights() *rights.Rights { return c.current.Load() }

// identify gives a client that connects its rights. owner is that of the session of its
// client ID, or "". It returns the refusal of one that is not let in.
func (c *conn) identify(pk *packets.Packet, owner string) (refusal, bool) {
	who := subject{gate: c.gate, clientID: c.id}
	if a := c.gate.authority; a != nil {
		login, err := c.login(a, pk, owner)
		if err != nil {
			return refusedLogin(err, pk), false
		}
		who.login = login
		if err := a.MayUse(login, c.id); err != nil {
			return refusal{"client id", "", err.Error(), packets.ErrClientIdentifierNotValid}, false
		}
	} else if len(c.id) > maxClientID {
		return refusal{"client id", "", fmt.Sprintf("the client ID has %d bytes; at most %d", len(c.id), maxClientID), packets.ErrClientIdentifierNotValid}, false
	}
	// Under the lock, as in recheck: of the two the later one has the newer rights.
	c.mu.Lock()
	defer c.mu.Unlock()
	r := who.rights()
	if r == nil {
		return refusal{"login", "", who.gone(), packets.ErrNotAuthorized}, false
	}
	c.subject = who
	c.current.Store(r)
	return refusal{}, true
}

// tlsState returns what the client has shown by TLS, or nil.
func tlsState(c net.Conn) *tls.ConnectionState {
	switch c := c.(type) {
	case *tls.Conn:
		state := c.ConnectionState()
		return &state
	case *webConn:
		return c.tls
	}
	return nil
}

func (c *conn) login(a rights.Authority, pk *packets.Packet, owner string) (rights.Login, error) {
	// Nothing is read while this waits, and the client has 5 seconds in all.
	ctx, cancel := context.WithDeadline(context.Background(), c.accepted.deadline())
	defer cancel()
	user := string(pk.Connect.Username)
	return a.Login(ctx, rights.Credentials{
		User: user, Password: pk.Connect.Password, ClientID: c.id, Resumes: user != "" && user == owner,
		Source: c.source(), TLS: tlsState(c.Conn),
	})
}

// source returns where the client comes from.
func (c *conn) source() string {
	if c.accepted != nil {
		return rights.SourceOf(c.accepted.RemoteAddr().String()) // a WebSocket may not know it
	}
	return rights.SourceOf(c.RemoteAddr().String())
}

func refusedLogin(err error, pk *packets.Packet) refusal {
	const maxShown = 64 // bytes of what may be anything
	user := string(pk.Connect.Username[:min(len(pk.Connect.Username), maxShown)])
	switch {
	case errors.Is(err, rights.ErrLogin):
		return refusal{"login", "", fmt.Sprintf("%v (user %q)", err, user), packets.ErrBadUsernameOrPassword}
	case errors.Is(err, rights.ErrBusy), errors.Is(err, context.DeadlineExceeded):
		return refusal{"login busy", "", rights.ErrBusy.Error(), packets.ErrServerBusy}
	}
	return refusal{"login", "", err.Error(), packets.ErrNotAuthorized}
}

// recheck gives the client the rights that it has now, and ends its connection if
// it has lost some.
func (c *conn) recheck() {
	c.mu.Lock()
	old := c.current.Load()
	if old == nil {
		c.mu.Unlock()
		return // it is not let in yet
	}
	r, gone := c.subject.rights(), ""
	if r == nil {
		gone = c.subject.gone()
	}
	c.mu.Unlock()
	switch {
	case r == nil:
		c.revoke(gone)
	case !r.Covers(old):
		c.revoke("the client's rights have changed; connect again")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current.Load() == old {
		c.current.Store(c.subject.rights())
	}
}

// endLogin ends a connection whose login is over. It is no refusal: what waits to be
// written is.
func (c *conn) endLogin() {
	c.ends.Store(0) // once
	shown := cmp.Or(c.subject.login.Shown, "login")
	reason := "the " + shown + " of this connection has expired; connect again with a new one"
	c.shared.metrics.log.Info("connection ended: its "+shown+" has expired", "client", c.id)
	c.notify(reason)
	c.disconnect(packets.ErrMaxConnectTime, reason)
}

// revoke ends a connection whose client lost rights: what waits to be written is
// dropped, and the client is told why.
func (c *conn) revoke(reason string) {
	c.mu.Lock()
	c.dropOut()
	unread := c.writing > writeChunk
	c.mu.Unlock()
	c.refuse(refusal{kindRights, "", reason, packets.ErrAdministrativeAction})
	if unread {
		c.Abort() // it would get the rest of what it may not read
	}
}
