package token

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"hellox/broker/rights"
)

// Pods is the Authority of the pods of a namespace: the user name is the pod's, the
// password its token. The ServiceAccounts broadcast, broadcasters, receive and client have
// the roles of their names; an ACL file gives more, its identities are ServiceAccounts.
// All others are not let in.
type Pods struct {
	keys, acl string // paths; acl may be ""
	log       *slog.Logger
	now       func() time.Time
	opened    rights.Stat
	content   atomic.Pointer[podContent]
	latest    latest
}

// podContent is what the files say. Without keys no pod is let in.
type podContent struct {
	keys  *Keys
	acl   *rights.ACL
	stale rights.StaleFiles
}

// A connection ends this long after its token's expiry, a little earlier each: not
// all of a cluster's pods connect at once.
const (
	lastsAfterExpiry = time.Hour
	spread           = 10 * time.Minute
)

// Open reads both files; acl may be "". The keys' file need not be there yet:
// until then Ready says so. The error is one sentence.
func Open(keys, acl string, log *slog.Logger) (*Pods, error) {
	p := &Pods{keys: keys, acl: acl, log: log, now: time.Now}
	p.opened = rights.StatFiles(p.paths()...)
	c := p.read(&podContent{})
	if len(c.stale) > 0 {
		return nil, c.stale[0].Err
	}
	p.use(c)
	if c.keys == nil {
		log.Warn("no pod is let in until there are the cluster's keys", "file", keys)
	} else {
		log.Info("the cluster's keys read", "keys", len(c.keys.byID), "file", keys, "issuer", c.keys.Issuer, "namespace", c.keys.Namespace)
	}
	return p, nil
}

// use has c in force. The names of ServiceAccounts are not known here: the log warns of
// those that are most likely misspelt in a rule that others would go without.
func (p *Pods) use(c *podContent) {
	p.content.Store(c)
	for _, name := range c.acl.OnlyDenied() {
		p.log.Warn("the ACL denies something to a ServiceAccount to which nothing allows anything: is its name misspelt?", "service_account", name, "acl_file", p.acl)
	}
}

func (p *Pods) paths() []string {
	if p.acl == "" {
		return []string{p.keys}
	}
	return []string{p.keys, p.acl}
}

// read reads the files. Of one that is wrong, what before has of it stays.
func (p *Pods) read(before *podContent) *podContent {
	c := &podContent{acl: before.acl}
	var err error
	if p.acl == "" {
		c.acl = withRoles(rights.NoACL())
	} else {
		c.acl, err = rights.ReadFile("the ACL", p.acl, before.acl, parseACL)
		c.stale.Note("acl", p.acl, err)
	}
	c.keys, err = rights.ReadFile("the cluster's keys", p.keys, before.keys, ParseKeys)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil // up has not written them yet
		if before.keys != nil {
			err = fmt.Errorf("read the cluster's keys: %s is gone", p.keys)
		}
	}
	c.stale.Note("pods", p.keys, err)
	return c
}

// parseACL reads the text of an ACL of ServiceAccounts.
func parseACL(text []byte) (*rights.ACL, error) {
	acl, err := rights.ParseACL(string(text))
	if err != nil {
		return nil, err
	}
	if uris := acl.URIs(); len(uris) > 0 {
		return nil, fmt.Errorf("it names %q, which is of a client certificate: the identities of pods are ServiceAccounts", uris[0])
	}
	return withRoles(acl), nil
}

// withRoles adds the roles of hellox's own ServiceAccounts to acl.
func withRoles(acl *rights.ACL) *rights.ACL {
	for _, role := range []rights.Role{rights.RoleBroadcast, rights.RoleBroadcasters, rights.RoleReceive, rights.RoleClient} {
		acl.AddRole(string(role), role)
	}
	return acl
}

// Ready returns why no pod can be let in, or nil.
func (p *Pods) Ready() error {
	if p.content.Load().keys == nil {
		return fmt.Errorf("there is no %s with the cluster's keys: hellox up writes it, and hellox manifests --jwks prints it", p.keys)
	}
	return nil
}

// KeysHash returns the hash of the keys' file that is in force, SHA-256 in hex, or "" if
// there is none yet.
func (p *Pods) KeysHash() string {
	if keys := p.content.Load().keys; keys != nil {
		return keys.hash
	}
	return ""
}

// Reload reads both files anew. Of one that is wrong or gone, what was read before stays
// in force, and the log says so; what the other says is in force.
func (p *Pods) Reload() error {
	c := p.read(p.content.Load())
	for _, s := range c.stale {
		said := "the cluster's keys not read anew: those of before stay in force"
		if s.Flag == "acl" {
			said = "rights not read anew: those of before stay in force"
		}
		p.log.Error(said, "cause", s.Err.Error(), "file", s.Path)
	}
	p.use(c)
	if c.keys == nil {
		return c.stale.Err()
	}
	said := "the cluster's keys and rights read anew"
	if len(c.stale) > 0 {
		said = "in force now, beside the files that are wrong"
	}
	p.log.Info(said, "keys", len(c.keys.byID))
	return c.stale.Err()
}

// Stale returns the files that are wrong now.
func (p *Pods) Stale() []rights.Stale { return p.content.Load().stale }

// Watch reloads when a file has changed, and when reload gets a value, until ctx
// ends; it calls changed after each time, also when one of them was wrong.
func (p *Pods) Watch(ctx context.Context, reload <-chan os.Signal, changed func()) {
	p.opened.Watch(ctx, reload, func() {
		_ = p.Reload() // the log says it
		changed()
	})
}

// Login identifies a pod by its name and token.
func (p *Pods) Login(_ context.Context, c rights.Credentials) (rights.Login, error) {
	now, content := p.now(), p.content.Load()
	if content.keys == nil {
		return rights.Login{}, refuse("the broker does not have the cluster's keys yet")
	}
	claims, err := content.keys.Verify(string(c.Password), now)
	switch {
	case err != nil:
		return rights.Login{}, err
	case c.User != claims.Pod:
		return rights.Login{}, refuse("the token is that of another pod")
	case !content.acl.LetsIn(claims.ServiceAccount):
		return rights.Login{}, refuse("the ServiceAccount %s has no rights here; the one of the component client is client", claims.ServiceAccount)
	case content.acl.Role(claims.ServiceAccount).IsByPod() && !p.latest.is(claims):
		return rights.Login{}, refuse("the token is that of a pod that is gone; another has its name now")
	}
	early := time.Duration(rand.Int64N(int64(spread))) //nolint:gosec // it is no secret
	return rights.Login{
		Identity: content.identity(claims.ServiceAccount, claims.Pod),
		Proof:    claims.Proof,
		Ends:     claims.Expires.Add(lastsAfterExpiry - early),
		Shown:    "token",
	}, nil
}

const podPrefix = "pod:"

// identity returns who a pod is to the broker. A broadcaster is its pod, which
// comes back under its name. The pods of other ServiceAccounts are replaced by ones
// of other names, which go on with their sessions: they are their ServiceAccount.
func (c *podContent) identity(account, pod string) string {
	identity := podPrefix + c.keys.Namespace + "/" + account
	if c.acl.Role(account).IsByPod() {
		identity += "/" + pod
	}
	return identity
}

// principal returns whose rules apply to an identity, or why Login would not give
// that identity any more.
func (c *podContent) principal(l rights.Login) (who rights.Principal, gone string) {
	rest, ok := strings.CutPrefix(l.Identity, podPrefix)
	if !ok || c.keys == nil {
		return who, "the pod is not known any more"
	}
	if l.Proof != "" {
		if gone := c.keys.gone(l.Proof); gone != "" {
			return who, gone
		}
	}
	_, rest, _ = strings.Cut(rest, "/")
	account, pod, hasPod := strings.Cut(rest, "/")
	name := account
	if hasPod {
		name = pod
	}
	switch {
	case !c.acl.LetsIn(account):
		return who, fmt.Sprintf("the ServiceAccount %s has no rights here any more", account)
	case c.identity(account, pod) != l.Identity:
		return who, "the broker's keys are for another namespace now, or its ACL gives the ServiceAccount another role; connect again"
	}
	return rights.Principal{Identity: l.Identity, Rules: account, Name: name}, ""
}

// MayUse returns why the client may not use its client ID, or nil.
func (p *Pods) MayUse(l rights.Login, clientID string) error {
	if err := rights.CheckClientID(clientID); err != nil {
		return err
	}
	content := p.content.Load()
	who, gone := content.principal(l)
	if gone != "" {
		return errors.New(gone)
	}
	return rights.CheckReserved(content.acl.Role(who.Rules), who.Name, clientID)
}

// Rights returns what a client may do now, or nil if the key of its token is gone, the
// keys are for others now, or its ServiceAccount has no rights any more.
func (p *Pods) Rights(l rights.Login, clientID string) *rights.Rights {
	content := p.content.Load()
	who, gone := content.principal(l)
	if gone != "" {
		return nil
	}
	return content.acl.RightsOf(who, clientID)
}

// Gone returns why a login is no longer valid, or "".
func (p *Pods) Gone(l rights.Login) string {
	_, gone := p.content.Load().principal(l)
	return gone
}
