package rights

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync/atomic"
	"time"
)

// Paths are the files of a Files. Users or ClientCA may be "": then there are no users,
// or no certificates of clients.
type Paths struct {
	Users, ACL string
	ClientCA   string // the authorities whose certificates clients show, PEM
}

// list returns those that are given.
func (p Paths) list() []string {
	return slices.DeleteFunc([]string{p.Users, p.ACL, p.ClientCA}, func(path string) bool { return path == "" })
}

// Files is the Authority of a users file, an ACL file and a file of authorities of
// client certificates.
type Files struct {
	paths  Paths
	log    *slog.Logger
	hasher *hasher
	opened Stat // of the files before they were read first
	now    atomic.Pointer[content]
}

// content is what the files say.
type content struct {
	users users
	acl   *ACL
	cas   *clientCAs // nil without ClientCA
	dummy hash       // verified for a user that does not exist
	names
	stale StaleFiles
}

// names are those of an ACL among the users.
type names struct {
	// removed has the names of the ACL that were users when it was read before: not
	// misspelt ones.
	removed map[string]bool
	// named has the identities of certificates by their names.
	named map[string]string
	// clashes has the names of new users that are also those of certificates.
	clashes []string
}

// OpenFiles reads the files. The error is one sentence.
func OpenFiles(paths Paths, log *slog.Logger) (*Files, error) {
	f := &Files{paths: paths, log: log, hasher: newHasher()}
	f.opened = StatFiles(paths.list()...)
	c := f.read(nil)
	if len(c.stale) > 0 {
		return nil, c.stale[0].Err
	}
	f.use(c)
	log.Info("users and rights read", append([]any{"acl_file", paths.ACL}, f.said(c)...)...)
	return f, nil
}

// said returns what the log says of files that were read.
func (f *Files) said(c *content) (said []any) {
	if f.paths.Users != "" {
		said = append(said, "users", len(c.users), "users_file", f.paths.Users)
	}
	if c.cas != nil {
		said = append(said, "client_authorities", len(c.cas.known), "client_ca_file", f.paths.ClientCA)
	}
	return said
}

// use has c in force, and warns of what is most likely not meant.
func (f *Files) use(c *content) {
	f.now.Store(c)
	for _, name := range c.acl.OnlyDenied() {
		if IsURI(name) {
			f.log.Warn("the ACL denies something to a client certificate to which nothing allows anything: is its URI misspelt?", "identity", name, "acl_file", f.paths.ACL)
		}
	}
	if c.cas != nil {
		for _, why := range c.cas.doubts(time.Now()) {
			f.log.Warn("authority whose client certificates are refused", "cause", why, "client_ca_file", f.paths.ClientCA)
		}
	}
}

// read reads the files. Of one that is wrong, what before has of it stays; before is nil
// at the start, when each must be good. The users that before had, and the files do not
// have any more, may still be named by the ACL: their connections must end now, not when
// that has been mended, too.
func (f *Files) read(before *content) *content {
	first := before == nil
	if first {
		before = &content{users: users{}}
	}
	c := &content{users: before.users, cas: before.cas}
	var err error
	if f.paths.Users != "" {
		c.users, err = ReadFile("the users", f.paths.Users, before.users, func(text []byte) (users, error) { return parseUsers(string(text)) })
		c.stale.Note("users", f.paths.Users, err)
	}
	if f.paths.ClientCA != "" {
		c.cas, err = ReadFile("the authorities of clients", f.paths.ClientCA, before.cas, parseClientCAs)
		c.stale.Note("client-ca", f.paths.ClientCA, err)
	}
	c.acl, err = ReadFile("the ACL", f.paths.ACL, before.acl, func(text []byte) (*ACL, error) {
		a, err := ParseACL(string(text))
		if err != nil {
			return nil, err
		}
		return a, c.match(a, before, f.paths)
	})
	c.stale.Note("acl", f.paths.ACL, err)
	if first && len(c.stale) > 0 {
		return c
	}
	if err != nil {
		_ = c.match(c.acl, before, f.paths) // before it had no other names than these
	}
	for _, name := range c.clashes {
		delete(c.users, name) // the map is new: before had no such user
		c.stale.Note("users", f.paths.Users, fmt.Errorf("read the users of %s: the ACL names %q, and %s is also the name of a user: it is not let in", f.paths.Users, c.named[name], name))
	}
	c.dummy = c.users.dummy()
	return c
}

// match finds the names of an ACL among the users, and returns why it may not have one,
// or nil.
func (c *content) match(a *ACL, before *content, paths Paths) error {
	c.names = names{removed: map[string]bool{}, named: map[string]string{}}
	for _, name := range a.names {
		if err := c.check(name, before, paths); err != nil {
			return err
		}
	}
	return nil
}

// check returns why the ACL may not name an identity, or nil.
func (c *content) check(identity string, before *content, paths Paths) error {
	if IsURI(identity) {
		return c.checkURI(identity, before)
	}
	// A misspelt deny would leave its user with everything.
	switch {
	case c.users[identity] != hash{}:
		return nil
	case before.users[identity] != hash{}, before.removed[identity]:
		c.removed[identity] = true
		return nil
	case paths.Users == "":
		return fmt.Errorf("it names %q, and there are no users: the identity of a client certificate is its URI, such as hellox://local/client/%s", identity, identity)
	}
	return fmt.Errorf("it names %q, which is no user of %s", identity, paths.Users)
}

// dummy returns a hash of the same cost as the users', of no password. They may
// differ; then it is as costly as the costliest, so that a name that takes less is
// no sign of anything but an old hash.
func (u users) dummy() hash {
	d := hash{}
	for _, h := range u {
		if uint64(h.memory)*uint64(h.time) > uint64(d.memory)*uint64(d.time) {
			d = h
		}
	}
	d.salt, d.key = string(random(16)), string(random(hashBytes))
	return d
}

// Login identifies a client by user name and password. A user that does not exist
// costs as much as one whose password is wrong. Each user waits for turns of its own,
// and all names of no user wait together: there is no end of them, and users must not
// wait for them. So who makes many logins from one address wait can tell, by how long
// another one from there waits, whether a name is that of a user; who does not, cannot.
// Of a user, each client that has a session waits for turns of its own as well: wrong
// logins with its name, also from its own address, delay it only if they have its client
// ID, too.
//
// A client that shows a certificate is the one of that certificate, whatever user and
// password it gives beside: they are not looked at.
func (f *Files) Login(ctx context.Context, c Credentials) (Login, error) {
	now := f.now.Load()
	switch {
	case now.cas != nil && c.TLS != nil && len(c.TLS.PeerCertificates) > 0:
		return now.loginByCertificate(c.TLS)
	case f.paths.Users == "":
		return Login{}, errors.New("the client shows no certificate")
	case c.User == "":
		return Login{}, ErrLogin // it says nothing about users
	}
	h, known := now.users[c.User]
	line := c.User
	if !known {
		h, line = now.dummy, "" // which no user is
	}
	client := ""
	if known && c.Resumes {
		client = c.ClientID
	}
	ok, err := f.hasher.verify(ctx, h, c.Password, c.Source, line, client)
	switch {
	case err != nil:
		return Login{}, err
	case !ok || !known:
		return Login{}, ErrLogin
	}
	return Login{Identity: c.User, Proof: h.proof()}, nil
}

// proof identifies the hash: a changed password has another.
func (h hash) proof() string {
	sum := sha256.Sum256([]byte(h.salt + h.key))
	return string(sum[:])
}

// MayUse returns why the client may not use its client ID, or nil.
func (f *Files) MayUse(l Login, clientID string) error {
	if err := CheckClientID(clientID); err != nil {
		return err
	}
	now := f.now.Load()
	_, isUser := now.users[clientID]
	identity, isNamed := now.named[clientID]
	switch {
	case isUser && clientID != l.Identity:
		return fmt.Errorf("the client ID %q is reserved for the user of that name", clientID)
	case isNamed && identity != l.Identity:
		return fmt.Errorf("the client ID %q is reserved for the client certificate of that name", clientID)
	}
	return CheckReserved(now.acl.Role(l.Identity), nameOf(l.Identity), clientID)
}

// Rights returns what a client may do now, or nil if its user, password or certificate
// is no longer valid.
func (f *Files) Rights(l Login, clientID string) *Rights {
	now := f.now.Load()
	if now.gone(l) != "" {
		return nil
	}
	return now.acl.Rights(l.Identity, clientID)
}

// Gone returns why a login is no longer valid, or "".
func (f *Files) Gone(l Login) string { return f.now.Load().gone(l) }

func (c *content) gone(l Login) string {
	if IsURI(l.Identity) {
		return c.goneCertificate(l)
	}
	h, known := c.users[l.Identity]
	if !known || l.Proof != "" && l.Proof != h.proof() {
		return "the user is gone or has another password"
	}
	return ""
}

// Reload reads the files anew. Of one that is wrong, what was read before stays in force,
// and the log says so; what the others say is in force.
func (f *Files) Reload() error {
	c := f.read(f.now.Load())
	for _, s := range c.stale {
		f.log.Error(staleFile[s.Flag], "cause", s.Err.Error(), "file", s.Path)
	}
	f.use(c)
	switch len(c.stale) {
	case 0:
		f.log.Info("users and rights read anew", f.said(c)...)
	default:
		f.log.Info("in force now, beside the files that are wrong", f.said(c)...)
	}
	for name := range c.removed {
		f.log.Warn("the ACL names a user that was removed: remove its rules, too; with them the broker does not start again", "user", name, "acl_file", f.paths.ACL)
	}
	return c.stale.Err()
}

// staleFile is what the log says of a file that is wrong, by its flag.
var staleFile = map[string]string{
	"users":     "users not read anew: those of before stay in force",
	"client-ca": "authorities of clients not read anew: those of before stay in force",
	"acl":       "rights not read anew: those of before stay in force",
}

// Stale returns the files that are wrong now.
func (f *Files) Stale() []Stale { return f.now.Load().stale }

// Watch reloads when a file has changed, and when reload gets a value, until ctx
// ends; it calls changed after each time, also when one of them was wrong.
func (f *Files) Watch(ctx context.Context, reload <-chan os.Signal, changed func()) {
	f.opened.Watch(ctx, reload, func() {
		_ = f.Reload() // the log says it
		changed()
	})
}
