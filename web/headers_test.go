package web

import (
	"bufio"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// raw sends a request byte for byte, for what no client would send, and
// returns the status.
func raw(t *testing.T, address, request string) int {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(address, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("%q: %v", request, err)
	}
	defer response.Body.Close()
	return response.StatusCode
}

// Attack table D14: all the headers on all responses, errors included.
func TestSecurityHeadersEverywhere(t *testing.T) {
	s := newServer(t, Options{Store: newStore(t), Log: slog.New(slog.DiscardHandler)})
	type request struct {
		method, target string
		header         []string
	}
	requests := []request{
		{"GET", "/", nil}, {"GET", "/static/js/main.js", nil}, {"GET", "/static/css/palette.css", nil}, {"GET", "/nowhere", nil}, {"GET", "/api/nowhere", nil},
		{"POST", "/", nil}, {"PATCH", "/api/stats", nil}, {"GET", "/api/messages?limit=x", nil}, {"GET", "//host", nil}, {"GET", "/api/../api/stats", nil},
		{"GET", "/api/stats", []string{"Sec-Fetch-Site", "cross-site"}}, {"POST", "/api/publish", []string{"Origin", "http://evil.example"}},
		{"GET", "/", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}},
		{"GET", "/static/js/main.js", []string{"Range", "bytes=9999999-"}},
	}
	for _, rt := range s.routes {
		method, path, _ := strings.Cut(rt.pattern, " ")
		if path != "/api/events" { // TestEventHeaders
			requests = append(requests, request{method, strings.ReplaceAll(path, "{id}", "1"), nil})
		}
	}
	for _, r := range requests {
		w := ask(s, r.method, r.target, "", r.header...)
		checkHeaders(t, r.method+" "+r.target, w.Header())
	}
	wrongHost := ask(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { r.Host = "evil.example"; s.ServeHTTP(w, r) }), "GET", "/", "")
	if wrongHost.Code != http.StatusMisdirectedRequest {
		t.Errorf("status %d", wrongHost.Code)
	}
	checkHeaders(t, "wrong host", wrongHost.Header())
}

func TestEventHeaders(t *testing.T) {
	response, err := http.Get(serve(t, Options{Store: newStore(t)}) + "/api/events")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	checkHeaders(t, "events", response.Header)
}

func checkHeaders(t *testing.T, what string, h http.Header) {
	t.Helper()
	for name, want := range map[string]string{
		"Content-Security-Policy":      policy,
		"X-Content-Type-Options":       "nosniff",
		"Referrer-Policy":              "no-referrer",
		"Cross-Origin-Opener-Policy":   "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin",
	} {
		if got := h.Get(name); got != want {
			t.Errorf("%s: %s is %q", what, name, got)
		}
	}
	if got := h.Get("Cache-Control"); got != "no-store" && !(got == "no-cache" && !strings.Contains(what, "/api/")) {
		t.Errorf("%s: Cache-Control is %q", what, got)
	}
}

// Attack table D9 and D11: bounded, and quickly refused.
func TestHugeRequestsAreRefused(t *testing.T) {
	address := serve(t, Options{Store: newStore(t), Client: &askedClient{asked: make(chan struct{})}, Log: slog.New(slog.DiscardHandler)})
	for name, c := range map[string]struct {
		request string
		status  int
	}{
		"headers":    {"GET / HTTP/1.1\r\nHost: localhost\r\n" + strings.Repeat("X-A: "+strings.Repeat("b", 1000)+"\r\n", 80) + "\r\n", 431},
		"body":       {"POST /api/publish HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1100000\r\n\r\n" + `{"topic":"` + strings.Repeat("a", 1_099_990), 413},
		"brackets":   {"GET /api/filter?filter=" + strings.Repeat("(", 4000) + " HTTP/1.1\r\nHost: localhost\r\n\r\n", 400},
		"expression": {"GET /api/filter?filter=" + strings.Repeat("a", 40_000) + " HTTP/1.1\r\nHost: localhost\r\n\r\n", 400},
		"traversal":  {"GET /static/..%2f..%2fgo.mod HTTP/1.1\r\nHost: localhost\r\n\r\n", 404},
		"nul":        {"GET /static/%00 HTTP/1.1\r\nHost: localhost\r\n\r\n", 404},
	} {
		if status := raw(t, address, c.request); status != c.status {
			t.Errorf("%s: status %d, want %d", name, status, c.status)
		}
	}
}

// A header that is too large is answered as every error is.
func TestLargeHeadersAreAProblem(t *testing.T) {
	s := newServer(t, Options{Store: newStore(t)})
	w := ask(s, "GET", "/api/stats", "", "X-A", strings.Repeat("b", maxHeader))
	if w.Code != http.StatusRequestHeaderFieldsTooLarge || w.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("status %d, %v", w.Code, w.Header())
	}
}
