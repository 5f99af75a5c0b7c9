package web

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
)

// maxHeader bounds the address and the headers of a request, in bytes. The server
// reads more, up to four times, so that it can say so: what net/http refuses by
// itself is told in plain text.
const maxHeader = 64 << 10

func headerBytes(r *http.Request) int {
	n := len(r.RequestURI)
	for name, values := range r.Header {
		for _, v := range values {
			n += len(name) + len(v)
		}
	}
	return n
}

// policy is the page's Content Security Policy: resources of this address only, no
// inline script but firstScript, no inline style, no string turned into script.
var policy = "default-src 'none'; script-src 'self' 'sha256-" + hashOf(firstScript) + "'; style-src 'self'; img-src 'self' data:; " +
	"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
	"require-trusted-types-for 'script'; trusted-types 'none'"

// hashOf returns the hash by which a policy names an inline script.
func hashOf(script string) string {
	sum := sha256.Sum256([]byte(script))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// secured sets the headers of every response, errors included, before next
// answers. A handler that serves no data may relax Cache-Control.
func secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		secure(w.Header())
		if headerBytes(r) > maxHeader {
			problem(w, http.StatusRequestHeaderFieldsTooLarge, fmt.Sprintf("address and headers are larger than %d bytes", maxHeader))
			return
		}
		next.ServeHTTP(w, r)
	})
}

func secure(h http.Header) {
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Cache-Control", "no-store")
}
