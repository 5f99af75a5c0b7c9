package origin_test

import (
	"bufio"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"hellox/web/origin"
)

// protected answers 200 to what the policy lets through.
func protected(hosts ...string) http.Handler {
	policy := origin.Policy{
		Hosts:  hosts,
		Refuse: func(w http.ResponseWriter, status int, detail string) { http.Error(w, detail, status) },
		Log:    slog.New(slog.DiscardHandler),
	}
	return policy.Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
}

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

// Beyond loopback the policy comes before the login: strangers cannot fill the log.
func TestRefusalsFillNoLog(t *testing.T) {
	var log strings.Builder
	policy := origin.Policy{Refuse: func(http.ResponseWriter, int, string) {}, Log: slog.New(slog.NewTextHandler(&log, nil))}
	handler, begun := policy.Wrap(http.NotFoundHandler()), time.Now()
	for range 1000 {
		r := httptest.NewRequest(http.MethodGet, "http://localhost/"+strings.Repeat("x", 10_000), nil)
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		r.Header.Set("Origin", "https://"+strings.Repeat("o", 10_000))
		handler.ServeHTTP(httptest.NewRecorder(), r)
	}
	lines := strings.Count(log.String(), "\n")
	if most := 11 + int(time.Since(begun)/(10*time.Second)); lines < 10 || lines > most || len(log.String()) > lines*1000 {
		t.Errorf("%d lines and %d bytes of a thousand refusals, want 10 to %d lines", lines, log.Len(), most)
	}
}

// Attack table D6: only the exact names.
func TestHost(t *testing.T) {
	server := httptest.NewServer(protected("hellox-1.localhost", "page.example:8420"))
	defer server.Close()
	get := func(host string) int {
		return raw(t, server.URL, "GET /api/stats HTTP/1.1\r\nHost: "+host+"\r\n\r\n")
	}
	for _, host := range []string{
		"localhost", "localhost:8420", "127.0.0.1:1", "127.0.0.1:65535", "[::1]", "[::1]:8420",
		"LOCALHOST:8420", "Localhost", "localhost.", "localhost.:8420", "hellox-1.localhost:9", "hellox-1.localhost", "page.example:8420",
	} {
		if status := get(host); status != 200 {
			t.Errorf("%s: status %d", host, status)
		}
	}
	for _, host := range []string{
		"evil.example", "evil.example:8420", "localhost..", "127.0.0.1.",
		"0.0.0.0:8420", "2130706433:8420", "127.1:8420", "0x7f.1:8420", "127.0.0.2:8420", "[::ffff:127.0.0.1]:8420", "[::]:8420", "::1",
		"localhost:", "localhost:0", "localhost:65536", "localhost:08420", "localhost:+1", "localhost:80:80",
		"localhost.evil.example", "evil.example.localhost", "page.example", "page.example:1", "",
	} {
		if status := get(host); status != http.StatusMisdirectedRequest && status != http.StatusBadRequest {
			t.Errorf("%q: status %d", host, status)
		}
	}
	for name, request := range map[string]string{
		"absent":     "GET /api/stats HTTP/1.1\r\n\r\n",
		"absent 1.0": "GET /api/stats HTTP/1.0\r\n\r\n",
		"two":        "GET /api/stats HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
		"userinfo":   "GET http://evil@localhost/api/stats HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"absolute":   "GET http://evil.example/api/stats HTTP/1.1\r\nHost: localhost\r\n\r\n",
	} {
		if status := raw(t, server.URL, request); status != http.StatusMisdirectedRequest && status != http.StatusBadRequest {
			t.Errorf("%s: status %d", name, status)
		}
	}
}

func TestOtherSitesAndPortsAreRefused(t *testing.T) {
	handler := protected()
	const self = "http://localhost:8420"
	for _, c := range []struct {
		name, method, target string
		header               []string
		status               int
	}{
		{"our page", "GET", "/api/stats", []string{"Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode", "cors"}, 200},
		{"no browser", "GET", "/api/stats", nil, 200},
		{"typed address", "GET", "/", []string{"Sec-Fetch-Site", "none", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}, 200},
		{"our origin, no metadata", "GET", "/api/stats", []string{"Origin", self}, 200},
		{"other port, GET", "GET", "/api/stats", []string{"Sec-Fetch-Site", "same-site", "Sec-Fetch-Mode", "no-cors"}, 403},
		{"other site, GET", "GET", "/api/stats", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"other site, script of ours", "GET", "/static/js/main.js", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Dest", "script"}, 403},
		{"other site, frame", "GET", "/", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe"}, 403},
		{"other site, link", "GET", "/", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}, 403},
		{"other site, form", "POST", "/api/publish", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}, 403},
		{"none, not a navigation", "GET", "/api/stats", []string{"Sec-Fetch-Site", "none", "Sec-Fetch-Mode", "no-cors"}, 403},
		{"none, POST", "POST", "/api/publish", []string{"Sec-Fetch-Site", "none", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}, 403},
		{"unknown value", "GET", "/api/stats", []string{"Sec-Fetch-Site", "cross-sight"}, 403},
		{"origin of another port", "POST", "/api/publish", []string{"Origin", "http://localhost:3000"}, 403},
		{"origin of another site", "GET", "/api/stats", []string{"Origin", "http://evil.example"}, 403},
		{"origin null", "POST", "/api/publish", []string{"Origin", "null"}, 403},
		{"origin of our address over TLS", "POST", "/api/publish", []string{"Origin", "https://localhost:8420"}, 403},
		{"origin of another scheme", "GET", "/api/stats", []string{"Origin", "ftp://localhost:8420"}, 403},
	} {
		r := httptest.NewRequest(c.method, c.target, nil)
		r.Host = "localhost:8420"
		for i := 0; i < len(c.header); i += 2 {
			r.Header.Set(c.header[i], c.header[i+1])
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code != c.status {
			t.Errorf("%s: status %d, want %d", c.name, w.Code, c.status)
		}
	}
}
