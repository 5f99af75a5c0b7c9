package login

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Bounds of codes and sessions.
const (
	codeLife    = 2 * time.Minute
	sessionLife = 12 * time.Hour
	maxSessions = 64 // the oldest ends when another one begins
)

// Names of the cookie and of the header with the key. A browser takes a cookie
// with this prefix only over TLS, for this very host and from this path.
const (
	Cookie = "__Host-hellox"
	Header = "Hellox-Key"
)

type digest = [sha256.Size]byte

// A Guard knows who is logged in. The zero value is not usable; New makes one.
type Guard struct {
	show func(code string)
	now  func() time.Time

	mu       sync.Mutex
	code     digest // of the code that is valid
	codeEnds time.Time
	sessions map[digest]*session // by the digest of the cookie
	attempts attempts
}

type session struct {
	key    digest
	begun  time.Time
	ctx    context.Context //nolint:containedctx // it ends requests with the session
	cancel context.CancelFunc
}

// New returns a Guard that hands each new code to show, which tells the one who
// runs the process. now is the clock.
func New(show func(code string), now func() time.Time) *Guard {
	return &Guard{show: show, now: now, sessions: map[digest]*session{}, attempts: newAttempts(now)}
}

// ShowCode makes a code and shows it, unless the one that was shown last is still
// valid: a stranger who asks again and again fills no log, and voids no code.
func (g *Guard) ShowCode() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.now().Before(g.codeEnds) {
		return
	}
	code := rand.Text() // 130 bits
	g.code, g.codeEnds = sha256.Sum256([]byte(code)), g.now().Add(codeLife)
	g.show(code)
}

// Login exchanges a code for a cookie and a key. ok reports whether the code was
// the valid one; it is void then.
func (g *Guard) Login(code string) (cookie, key string, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	given := sha256.Sum256([]byte(strings.ToUpper(strings.TrimSpace(code))))
	if subtle.ConstantTimeCompare(given[:], g.code[:]) != 1 || !g.now().Before(g.codeEnds) {
		return "", "", false
	}
	g.code, g.codeEnds = digest{}, time.Time{}
	cookie, key = rand.Text(), rand.Text()
	g.begin(sha256.Sum256([]byte(cookie)), sha256.Sum256([]byte(key)))
	return cookie, key, true
}

// begin adds a session. g.mu is held.
func (g *Guard) begin(cookie, key digest) {
	var oldest digest
	for id, s := range g.sessions {
		if s.ctx.Err() != nil {
			delete(g.sessions, id)
		} else if old := g.sessions[oldest]; old == nil || s.begun.Before(old.begun) {
			oldest = id
		}
	}
	if len(g.sessions) >= maxSessions {
		g.sessions[oldest].cancel()
		delete(g.sessions, oldest)
	}
	ctx, cancel := context.WithTimeout(context.Background(), sessionLife) // ends its event streams, too
	g.sessions[cookie] = &session{key: key, begun: g.now(), ctx: ctx, cancel: cancel}
}

// session returns the session whose cookie and key r has, or nil.
func (g *Guard) session(r *http.Request) (*session, digest) {
	cookies, keys := r.CookiesNamed(Cookie), r.Header.Values(Header)
	if len(cookies) != 1 || len(keys) != 1 {
		return nil, digest{}
	}
	id, key := sha256.Sum256([]byte(cookies[0].Value)), sha256.Sum256([]byte(keys[0]))
	g.mu.Lock()
	defer g.mu.Unlock()
	s := g.sessions[id]
	if s == nil || s.ctx.Err() != nil || !g.now().Before(s.begun.Add(sessionLife)) || subtle.ConstantTimeCompare(key[:], s.key[:]) != 1 {
		return nil, digest{}
	}
	return s, id
}

// Logout ends the session of r.
func (g *Guard) Logout(r *http.Request) {
	s, id := g.session(r)
	if s == nil {
		return
	}
	s.cancel()
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.sessions, id)
}

// Wrap lets requests pass to next that have the cookie and the key of one session;
// refuse answers the others. The context of a request ends with its session.
func (g *Guard) Wrap(next, refuse http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, _ := g.session(r)
		if s == nil {
			refuse.ServeHTTP(w, r)
			return
		}
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		defer context.AfterFunc(s.ctx, cancel)()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// SetCookie makes the browser keep the cookie for as long as the session may last.
func SetCookie(w http.ResponseWriter, value string) {
	http.SetCookie(w, &http.Cookie{
		Name: Cookie, Value: value, Path: "/", MaxAge: int(sessionLife / time.Second),
		Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	})
}

// ClearCookie makes the browser forget it.
func ClearCookie(w http.ResponseWriter) {
	http.SetCookie(w, &http.Cookie{Name: Cookie, Path: "/", MaxAge: -1, Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode})
}
