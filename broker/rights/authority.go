package rights

import (
	"context"
	"crypto/tls"
	"errors"
	"time"
)

// Credentials are what a client shows when it connects.
type Credentials struct {
	User     string
	Password []byte
	ClientID string
	Resumes  bool                 // the client ID has a session of User
	Source   string               // where the client comes from, such as its address: sources take turns
	TLS      *tls.ConnectionState // nil on a plain listener
}

// A Login is who a client has shown to be.
type Login struct {
	Identity string
	// Proof identifies the credential that was shown, such as a password's
	// hash: a Login ends when it is no longer valid. "" is any.
	Proof string
	// Ends is when a connection that was opened by it ends, by the clock on the
	// wall: with a credential that is valid for a time only. The zero Time is
	// never. What the identity may do, such as publish its last will, stays.
	Ends time.Time
	// Shown is the word for the credential that Ends is the end of, such as "token".
	Shown string
}

// An Authority identifies clients and says what they may do. Its methods may be
// called from any goroutine.
type Authority interface {
	// Login identifies a client. The error is ErrLogin, ErrBusy, the error of
	// ctx, or one whose text may be sent to the client.
	Login(ctx context.Context, c Credentials) (Login, error)
	// MayUse returns why the client may not use its client ID, or nil.
	MayUse(l Login, clientID string) error
	// Rights returns what a client may do now, or nil if its Login is no longer
	// valid.
	Rights(l Login, clientID string) *Rights
}

// An Explainer is an Authority that says why a Login is no longer valid.
type Explainer interface {
	// Gone returns why, in one sentence that may be sent to the client, or "" if it
	// is valid.
	Gone(l Login) string
}

// The errors of Login that have codes of their own.
var (
	ErrLogin = errors.New("bad user name or password")
	ErrBusy  = errors.New("too many clients log in at once")
)
