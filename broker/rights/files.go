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

	"hellox/smallfile"
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
	// removed has the names of the ACL that were users when it was read before: not
	// misspelt ones.
	removed map[string]bool
	// named has the identities of certificates by their names.
	named map[string]string
}

// OpenFiles reads the files. The error is one sentence.
func OpenFiles(paths Paths, log *slog.Logger) (*Files, error) {
	f := &Files{paths: paths, log: log, hasher: newHasher()}
	f.opened = StatFiles(paths.list()...)
	c, err := f.read(&content{})
	if err != nil {
		return nil, err
	}
	f.use(c)
	said := []any{"acl_file", paths.ACL}
	if paths.Users != "" {
		said = append(said, "users", len(c.users), "users_file", paths.Users)
	}
	if c.cas != nil {
		said = append(said, "client_authorities", len(c.cas.known), "client_ca_file", paths.ClientCA)
	}
	log.Info("users and rights read", said...)
	return f, nil
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

// read reads the files. The users that before had, and the files do not have any more,
// may still be named by the ACL: their connections must end now, not when that has been
// mended, too.
func (f *Files) read(before *content) (*content, error) {
	c := &content{users: users{}, removed: map[string]bool{}, named: map[string]string{}}
	if f.paths.Users != "" {
		text, err := smallfile.Read(f.paths.Users)
		if err != nil {
			return nil, fmt.Errorf("read the users: %w", err)
		}
		if c.users, err = parseUsers(string(text)); err != nil {
			return nil, fmt.Errorf("read the users of %s: %w", f.paths.Users, err)
		}
	}
	if f.paths.ClientCA != "" {
		text, err := smallfile.Read(f.paths.ClientCA)
		if err != nil {
			return nil, fmt.Errorf("read the authorities of clients: %w", err)
		}
		if c.cas, err = parseClientCAs(text); err != nil {
			return nil, fmt.Errorf("read the authorities of clients of %s: %w", f.paths.ClientCA, err)
		}
	}
	text, err := smallfile.Read(f.paths.ACL)
	if err != nil {
		return nil, fmt.Errorf("read the ACL: %w", err)
	}
	if c.acl, err = ParseACL(string(text)); err != nil {
		return nil, fmt.Errorf("read the ACL of %s: %w", f.paths.ACL, err)
	}
	for _, name := range c.acl.names {
		if err := c.check(name, before, f.paths); err != nil {
			return nil, fmt.Errorf("read the ACL of %s: %w", f.paths.ACL, err)
		}
	}
	c.dummy = c.users.dummy()
	return c, nil
}

// check returns why the ACL may not name an identity, or nil.
func (c *content) check(identity string, before *content, paths Paths) error {
	if IsURI(identity) {
		return c.checkURI(identity)
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

// Reload reads the files anew. If one is wrong, what was read before stays in
// force, and the log says so.
func (f *Files) Reload() error {
	c, err := f.read(f.now.Load())
	if err != nil {
		f.log.Error("users and rights not read anew: those of before stay in force", "cause", err.Error())
		return err
	}
	f.use(c)
	f.log.Info("users and rights read anew", "users", len(c.users))
	for name := range c.removed {
		f.log.Warn("the ACL names a user that was removed: remove its rules, too; with them the broker does not start again", "user", name, "acl_file", f.paths.ACL)
	}
	return nil
}

// Watch reloads when a file has changed, and when reload gets a value, until ctx
// ends; it calls changed after each time that went well.
func (f *Files) Watch(ctx context.Context, reload <-chan os.Signal, changed func()) {
	f.opened.Watch(ctx, reload, func() {
		if f.Reload() == nil {
			changed()
		}
	})
}
