package web

import (
	"net"
	"net/http"
	"path"
	"strings"

	"hellox/web/login"
)

// A Login is the way in from beyond loopback: a listener with TLS, on which every
// request of the API needs a session.
type Login struct {
	Listener net.Listener // hands out TLS connections; Serve closes it
	// Hosts are the names and addresses in its certificate, as Options.Hosts.
	Hosts []string
	Guard *login.Guard
}

// guarded lets next answer what holds no data, and all else to those who are
// logged in. What is public is listed: whatever is added is not.
func guarded(g *login.Guard, next http.Handler) http.Handler {
	inside := g.Wrap(next, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		problem(w, http.StatusUnauthorized, "log in first: open /login in a browser; this needs the session's cookie and its key")
	}))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch p := r.URL.Path; {
		case p == "/", p == "/login", p == "/api/login", p == "/api/login/code", strings.HasPrefix(p, "/static/") && path.Clean(p) == p:
			next.ServeHTTP(w, r)
		default:
			inside.ServeHTTP(w, r)
		}
	})
}

// A loginHandler answers what a browser asks to be let in.
type loginHandler struct{ guard *login.Guard } // nil: there is no login

var errNoLogin = &statusError{http.StatusNotFound, "this page needs no login: it is reached on loopback only"}

// empty reads a body that says nothing.
func empty(w http.ResponseWriter, r *http.Request) error { return readBody(w, r, &struct{}{}) }

// code makes the process show a code.
func (h loginHandler) code(w http.ResponseWriter, r *http.Request) error {
	if err := h.allowed(w, r); err != nil {
		return err
	}
	if err := empty(w, r); err != nil {
		return err
	}
	h.guard.ShowCode()
	return answer(w, struct{}{})
}

// post exchanges a code for a cookie and a key.
func (h loginHandler) post(w http.ResponseWriter, r *http.Request) error {
	if err := h.allowed(w, r); err != nil {
		return err
	}
	var in struct {
		Code string `json:"code"`
	}
	if err := readBody(w, r, &in); err != nil {
		return err
	}
	cookie, key, ok := h.guard.Login(in.Code)
	if !ok {
		return &statusError{http.StatusUnauthorized, "this code is not valid: it is good once, for two minutes"}
	}
	login.SetCookie(w, cookie)
	return answer(w, struct {
		Key string `json:"key"`
	}{key})
}

func (h loginHandler) allowed(w http.ResponseWriter, r *http.Request) error {
	if h.guard == nil {
		return errNoLogin
	}
	if !h.guard.Allow(r.RemoteAddr) {
		w.Header().Set("Retry-After", "2")
		return &statusError{http.StatusTooManyRequests, "too many attempts from this address: try again in a few seconds"}
	}
	return nil
}

// logout ends the session of the request.
func (h loginHandler) logout(w http.ResponseWriter, r *http.Request) error {
	if h.guard == nil {
		return errNoLogin
	}
	if err := empty(w, r); err != nil {
		return err
	}
	h.guard.Logout(r)
	login.ClearCookie(w)
	return answer(w, struct{}{})
}
