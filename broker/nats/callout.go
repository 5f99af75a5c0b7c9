package nats

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"hellox/broker/rights"
)

// A callout answers nats-server's question about each client that connects: who it is
// and what it may do. Only clients of its own node are asked about.
type callout struct {
	node     *Node
	issuer   nkeys.KeyPair // signs the permissions
	owners   *owners       // set by prepare
	asked    sync.WaitGroup
	refusals sometimes // what is logged of them

	mu      sync.Mutex
	clients map[uint64]*client // by nats-server's number of the connection
}

// A client is an MQTT client that was let in.
type client struct {
	id     string
	login  rights.Login
	rights *rights.Rights
	local  bool      // it came by Options.Local
	owned  time.Time // when its client ID was last noted as its own
}

// maxAsked bounds the logins under way: those that come meanwhile wait until
// nats-server gives them up.
const maxAsked = 256

// listen begins to answer.
func (c *callout) listen(conn *natsgo.Conn) error {
	slots := make(chan struct{}, maxAsked)
	_, err := conn.Subscribe(server.AuthCalloutSubject, func(m *natsgo.Msg) {
		slots <- struct{}{}
		c.asked.Go(func() {
			defer func() { <-slots }()
			c.answer(m)
		})
	})
	if err == nil {
		err = conn.Flush()
	}
	if err != nil {
		return fmt.Errorf("answer the node's logins: %w", err)
	}
	return nil
}

// wait waits for the answers under way.
func (c *callout) wait() { c.asked.Wait() }

// answer answers one question.
func (c *callout) answer(m *natsgo.Msg) {
	request, err := jwt.DecodeAuthorizationRequestClaims(string(m.Data))
	if err != nil {
		c.node.opts.Log.Error("a question of the own node that cannot be read", "cause", err.Error())
		return // nats-server gives the client up
	}
	ctx, cancel := context.WithTimeout(context.Background(), loginTimeout)
	defer cancel()
	response := jwt.NewAuthorizationResponseClaims(request.UserNkey)
	response.Audience = request.Server.ID
	if response.Jwt, err = c.admit(ctx, request); err != nil {
		response.Error = err.Error()
		c.refuse(request, err)
	}
	text, err := response.Encode(c.issuer)
	if err == nil {
		err = m.Respond([]byte(text))
	}
	if err != nil {
		c.node.opts.Log.Warn("a client's login could not be answered", "cause", err.Error())
	}
}

// refuse counts and logs a refusal. Of one that is no fault of the client's the connection
// is closed first: the one code that nats-server knows for a refusal, 5, would say that the
// client may not connect, and it has none for MQTT's 3, unavailable.
func (c *callout) refuse(request *jwt.AuthorizationRequestClaims, cause error) {
	reason, client := reasonOf(cause), request.ClientInformation.MQTT
	c.node.metrics.refused.WithLabelValues(reason).Inc()
	key := reason + " " + client
	if reason == reasonNotReady || reason == reasonBusy {
		key = reason                                                         // all clients are refused
		_ = c.node.server.DisconnectClientByID(request.ClientInformation.ID) // an error says that it has gone
	}
	c.refusals.warn(c.node.opts.Log, key, "client refused", "client", client, "remote", request.ClientInformation.Host, "cause", cause.Error())
}

// The reasons of refusals that are no fault of a client's.
const (
	reasonBusy     = "login busy"
	reasonNotReady = "not ready"
)

// reasonOf returns the label of a refusal.
func reasonOf(err error) string {
	switch {
	case errors.Is(err, rights.ErrLogin):
		return "login"
	case errors.Is(err, rights.ErrBusy), errors.Is(err, context.DeadlineExceeded):
		return reasonBusy
	case errors.Is(err, errUnavailable):
		return reasonNotReady
	case errors.Is(err, errOwned):
		return "client id of another"
	}
	return "login or client id"
}

// admit returns the signed permissions of a client, or why it is not let in.
func (c *callout) admit(ctx context.Context, request *jwt.AuthorizationRequestClaims) (string, error) {
	user := jwt.NewUserClaims(request.UserNkey)
	user.Audience = Account
	if request.ClientInformation.Type != "mqtt" {
		// A receiver: its certificate is that of a node, else it had not come here.
		if err := c.admitReceiver(request); err != nil {
			return "", err
		}
		user.Name = "receive"
		return user.Encode(c.issuer)
	}
	if err := c.node.lets(); err != nil {
		return "", fmt.Errorf("%w: %w", errUnavailable, err)
	}
	who, err := c.identify(ctx, request)
	if err != nil {
		return "", err
	}
	if !c.enter(request.ClientInformation.ID, who) {
		return "", errors.New("the client is not known any more; connect again")
	}
	user.Name = who.rights.Identity
	user.Permissions = permissions(who.rights)
	user.AllowedConnectionTypes.Add(jwt.ConnectionTypeMqtt)
	if !who.login.Ends.IsZero() {
		user.Expires = who.login.Ends.Unix()
	}
	return user.Encode(c.issuer)
}

// identify returns the client that asks to be let in, whose client ID is noted as its own.
func (c *callout) identify(ctx context.Context, request *jwt.AuthorizationRequestClaims) (*client, error) {
	who := &client{id: request.ClientInformation.MQTT}
	state, err := tlsState(request.TLS)
	if err != nil {
		return nil, err
	}
	switch who.local = c.node.local.has(state); {
	case len(who.id) > maxClientID && (who.local || c.node.opts.Authority == nil):
		return nil, fmt.Errorf("the client ID has %d bytes; at most %d", len(who.id), maxClientID)
	case c.node.opts.Authority == nil:
		return who, nil
	case who.local:
		who.login.Identity = rights.Local
	default:
		if who.login, err = c.login(ctx, request, state); err != nil {
			return nil, err
		}
	}
	return who, c.owners.claim(ctx, who)
}

// maxClientID is the most bytes of a client ID where clients have no identities.
const maxClientID = 256

// admitReceiver returns why a client of NATS is not let in, or nil.
func (c *callout) admitReceiver(request *jwt.AuthorizationRequestClaims) error {
	state, err := tlsState(request.TLS)
	if err != nil {
		return err
	}
	if state == nil || len(state.VerifiedChains) == 0 {
		return errors.New("clients of NATS show a certificate")
	}
	return VerifyPeer(*state)
}

// login identifies a client, with the right to its client ID.
func (c *callout) login(ctx context.Context, request *jwt.AuthorizationRequestClaims, state *tls.ConnectionState) (rights.Login, error) {
	connect, authority := &request.ConnectOptions, c.node.opts.Authority
	login, err := authority.Login(ctx, rights.Credentials{
		User: connect.Username, Password: []byte(connect.Password), ClientID: request.ClientInformation.MQTT,
		Source: rights.SourceOf(request.ClientInformation.Host), TLS: state,
	})
	if err != nil {
		return login, err
	}
	return login, authority.MayUse(login, request.ClientInformation.MQTT)
}

// tlsState returns what a client has shown by TLS, or nil on a plain listener.
func tlsState(t *jwt.ClientTLS) (*tls.ConnectionState, error) {
	if t == nil {
		return nil, nil //nolint:nilnil // there is none
	}
	state := &tls.ConnectionState{Version: tls.VersionTLS13, HandshakeComplete: true}
	for _, chain := range t.VerifiedChains {
		verified, err := certificates(chain)
		if err != nil {
			return nil, err
		}
		state.VerifiedChains = append(state.VerifiedChains, verified)
	}
	var err error
	if state.PeerCertificates, err = certificates(t.Certs); err != nil {
		return nil, err
	}
	if len(state.VerifiedChains) > 0 {
		state.PeerCertificates = state.VerifiedChains[0]
	}
	return state, nil
}

func certificates(texts []string) (all []*x509.Certificate, err error) {
	for _, text := range texts {
		block, _ := pem.Decode([]byte(text))
		if block == nil {
			return nil, errors.New("the client's certificate cannot be read")
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("read the client's certificate: %w", err)
		}
		all = append(all, certificate)
	}
	return all, nil
}

// enter notes a client with the rights that it has now, and reports whether it has any.
// Under the lock, as in recheck: of the two the later one sees the newer rights.
func (c *callout) enter(number uint64, who *client) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if who.rights = c.rightsOf(who); who.rights == nil {
		return false
	}
	c.clients[number] = who
	return true
}

func (c *callout) rightsOf(who *client) *rights.Rights {
	if who.local {
		return rights.Open()
	}
	if a := c.node.opts.Authority; a != nil {
		return a.Rights(who.login, who.id)
	}
	return c.node.gateRights()
}

// recheck ends the connections of clients that have lost rights. What they have gained
// they get when they connect again.
func (c *callout) recheck() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for number, who := range c.clients {
		if r := c.rightsOf(who); r == nil || !r.Covers(who.rights) {
			c.node.opts.Log.Info("connection ended: the client's rights have changed", "client", who.id)
			_ = c.node.server.DisconnectClientByID(number) // an error says that it has gone
			delete(c.clients, number)
		}
	}
}

// sweepInterval is how often clients that have gone are forgotten.
const sweepInterval = time.Minute

// sweep forgets the clients that have gone, and notes the others' client IDs anew.
func (c *callout) sweep(ctx context.Context) {
	var here []*client
	c.mu.Lock()
	for number, who := range c.clients {
		if c.node.server.GetClient(number) == nil {
			delete(c.clients, number)
		} else if time.Since(who.owned) > ownerRefresh {
			here = append(here, who)
		}
	}
	c.mu.Unlock()
	if c.node.opts.Authority == nil {
		return
	}
	for _, who := range here {
		if err := c.owners.claim(ctx, who); err != nil {
			c.node.opts.Log.Warn("the owner of a client ID could not be noted", "client", who.id, "cause", err.Error())
			return // the next sweep tries again
		}
	}
}
