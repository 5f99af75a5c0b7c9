package rights

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"

	"hellox/smallfile"
)

// Files is the Authority of a users file and an ACL file.
type Files struct {
	users, acl string // paths
	log        *slog.Logger
	hasher     *hasher
	opened     Stat // of the files before they were read first
	now        atomic.Pointer[content]
}

// content is what both files say.
type content struct {
	users users
	acl   *ACL
	dummy hash // verified for a user that does not exist
	// removed has the names of the ACL that were users when it was read before: not
	// misspelt ones.
	removed map[string]bool
}

// OpenFiles reads both files. The error is one sentence.
func OpenFiles(users, acl string, log *slog.Logger) (*Files, error) {
	f := &Files{users: users, acl: acl, log: log, hasher: newHasher()}
	f.opened = StatFiles(users, acl)
	c, err := f.read(&content{})
	if err != nil {
		return nil, err
	}
	f.now.Store(c)
	log.Info("users and rights read", "users", len(c.users), "users_file", users, "acl_file", acl)
	return f, nil
}

// read reads both files. The users that before had, and the files do not have any more,
// may still be named by the ACL: their connections must end now, not when that has been
// mended, too.
func (f *Files) read(before *content) (*content, error) {
	text, err := smallfile.Read(f.users)
	if err != nil {
		return nil, fmt.Errorf("read the users: %w", err)
	}
	c := &content{removed: map[string]bool{}}
	if c.users, err = parseUsers(string(text)); err != nil {
		return nil, fmt.Errorf("read the users of %s: %w", f.users, err)
	}
	if text, err = smallfile.Read(f.acl); err != nil {
		return nil, fmt.Errorf("read the ACL: %w", err)
	}
	if c.acl, err = ParseACL(string(text)); err != nil {
		return nil, fmt.Errorf("read the ACL of %s: %w", f.acl, err)
	}
	for _, name := range c.acl.names {
		// A misspelt deny would leave its user with everything.
		switch {
		case c.users[name] != hash{}:
		case before.users[name] != hash{}, before.removed[name]:
			c.removed[name] = true
		default:
			return nil, fmt.Errorf("read the ACL of %s: it names %q, which is no user of %s", f.acl, name, f.users)
		}
	}
	c.dummy = c.users.dummy()
	return c, nil
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
func (f *Files) Login(ctx context.Context, c Credentials) (Login, error) {
	if c.User == "" {
		return Login{}, ErrLogin // it says nothing about users
	}
	now := f.now.Load()
	h, known := now.users[c.User]
	line := c.User
	if !known {
		h, line = now.dummy, "" // which no user is
	}
	ok, err := f.hasher.verify(ctx, c.Source, line, h, c.Password)
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
	if _, isUser := now.users[clientID]; isUser && clientID != l.Identity {
		return fmt.Errorf("the client ID %q is reserved for the user of that name", clientID)
	}
	return CheckReserved(now.acl.Role(l.Identity), l.Identity, clientID)
}

// Rights returns what a client may do now, or nil if its user or password is no
// longer valid.
func (f *Files) Rights(l Login, clientID string) *Rights {
	now := f.now.Load()
	h, known := now.users[l.Identity]
	if !known || l.Proof != "" && l.Proof != h.proof() {
		return nil
	}
	return now.acl.Rights(l.Identity, clientID)
}

// Gone returns why a login is no longer valid, or "".
func (f *Files) Gone(l Login) string {
	if f.Rights(l, "") == nil {
		return "the user is gone or has another password"
	}
	return ""
}

// Reload reads both files anew. If one is wrong, what was read before stays in
// force, and the log says so.
func (f *Files) Reload() error {
	c, err := f.read(f.now.Load())
	if err != nil {
		f.log.Error("users and rights not read anew: those of before stay in force", "cause", err.Error())
		return err
	}
	f.now.Store(c)
	f.log.Info("users and rights read anew", "users", len(c.users))
	for name := range c.removed {
		f.log.Warn("the ACL names a user that was removed: remove its rules, too; with them the broker does not start again", "user", name, "acl_file", f.acl)
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
