package origin

import (
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/time/rate"
)

// A Policy refuses requests from other sites, other ports and other names.
type Policy struct {
	// Hosts are Host headers to answer to beside localhost, 127.0.0.1 and
	// [::1] with any port: "name:port", or "name" for any port; "*.example.org"
	// is any name directly below that one, as in a certificate.
	Hosts []string
	// Refuse answers a request that is refused: its status, and one sentence
	// why.
	Refuse func(w http.ResponseWriter, status int, detail string)
	Log    *slog.Logger
}

// Wrap puts the policy before next. A login, where one is needed, comes after
// it and before next.
//
//  1. The Host must be exactly one of this server's (421). This stops DNS
//     rebinding: a page of evil.example whose name was made to resolve to
//     this address sends its own name.
//  2. Fetch Metadata: only requests of this server's page and those that the
//     user makes. Another port of localhost is "same-site" and is refused; a
//     GET needs this too, because it has no Origin.
//  3. Without it (no secure context, or no browser) an Origin, if there is
//     one, must be this server's.
//  4. http.CrossOriginProtection, for unsafe methods.
func (p Policy) Wrap(next http.Handler) http.Handler {
	next = p.crossOrigin(next)
	// Beyond loopback this comes before the login: a stranger must not fill the log.
	sometimes := rate.Sometimes{First: 10, Interval: 10 * time.Second}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !ownHost(r, p.Hosts):
			p.Refuse(w, http.StatusMisdirectedRequest, "this server does not answer to the name in the Host header; use localhost or 127.0.0.1")
		case foreign(r, p.Hosts):
			sometimes.Do(func() {
				p.Log.Warn("request of another site refused", "site", short(r.Header.Get("Sec-Fetch-Site")), "origin", short(r.Header.Get("Origin")), "path", short(r.URL.Path))
			})
			if navigation(r) {
				refusedPage(w)
				return
			}
			p.Refuse(w, http.StatusForbidden, "only the page of this very address may ask this; the request came from another site or port")
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// short returns the beginning of what a stranger sent, for the log.
func short(s string) string { return s[:min(len(s), 200)] }

func (p Policy) crossOrigin(next http.Handler) http.Handler {
	protection := http.NewCrossOriginProtection()
	protection.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		p.Refuse(w, http.StatusForbidden, "a request that changes something must come from the page of this very address")
	}))
	return protection.Handler(next)
}

// ownHost reports whether r's Host can only name this server: a loopback name as
// a browser writes it, on any port (behind a port-forward the port is the
// forward's), or one of hosts.
func ownHost(r *http.Request, hosts []string) bool {
	if r.URL.User != nil {
		return false
	}
	name, port := r.Host, ""
	if i := strings.LastIndexByte(r.Host, ':'); i >= 0 && !strings.HasSuffix(r.Host, "]") {
		name, port = r.Host[:i], r.Host[i+1:]
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || strconv.FormatUint(n, 10) != port {
			return false
		}
	}
	// Names do not depend on case, and a dot at the end makes one absolute.
	if strings.EqualFold(strings.TrimSuffix(name, "."), "localhost") {
		return true
	}
	switch name {
	case "127.0.0.1", "[::1]":
		return true
	}
	if r.Host == "" {
		return false
	}
	_, above, _ := strings.Cut(name, ".")
	return slices.ContainsFunc(hosts, func(h string) bool {
		return h == r.Host || strings.EqualFold(h, name) || above != "" && strings.EqualFold(h, "*."+above)
	})
}

// foreign reports whether a page of another origin made the browser send r.
func foreign(r *http.Request, hosts []string) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-origin":
		return false
	case "none":
		// The user typed or bookmarked the address: no page can cause that.
		// Only navigations have the value "none".
		return !navigation(r)
	case "":
		origin := r.Header.Get("Origin")
		if origin == "" {
			return false
		}
		u, err := url.Parse(origin)
		// Behind a name that was given something else may speak TLS.
		secure, given := r.TLS != nil, !ownHost(r, nil) && ownHost(r, hosts)
		return err != nil || u.Host != r.Host || u.Scheme != "https" && (u.Scheme != "http" || secure) || u.Scheme == "https" && !secure && !given
	}
	return true
}

// navigation reports whether r opens a page in a tab of its own.
func navigation(r *http.Request) bool {
	return r.Method == http.MethodGet && r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document"
}
