package web_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"hellox/history"
	"hellox/history/memory"
	"hellox/web"
	"hellox/web/login"
	"hellox/web/standby"
)

// TestServeLater asks a page whose history is not open yet, and then is: the cause is
// told on loopback alone, as a page or as a problem, and to no other site.
func TestServeLater(t *testing.T) {
	listen := func() net.Listener {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return ln
	}
	open, guarded := listen(), listen()
	later := make(chan history.Store, 1)
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() {
		served <- web.Serve(ctx, open, web.Options{
			Later: &web.Later{Store: later, Why: func() (string, string) { return "the history <b> is away", "start it" }},
			Login: &web.Login{Listener: guarded, Hosts: []string{"127.0.0.1"}, Guard: login.New(func(string) {}, nil)},
		})
	}()
	ask := func(ln net.Listener, path, host string) (int, string, string) {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+ln.Addr().String()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if host != "" {
			r.Host = host
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		if resp.Header.Get("Content-Security-Policy") == "" {
			t.Errorf("%s: no policy", path)
		}
		return resp.StatusCode, resp.Header.Get("Content-Type"), string(body)
	}
	unnamed, _ := standby.Unnamed()
	for _, c := range []struct {
		ln               net.Listener
		path, host       string
		status           int
		mediaType, shows string
	}{
		{open, "/", "", 503, "text/html", "<p>The history &lt;b&gt; is away.</p>"},
		{open, "/static/js/main.js", "", 503, "text/html", "<p>Start it</p>"},
		{open, "/api/messages", "", 503, "application/problem+json", "is away; start it"},
		{open, "/", "evil.example", 421, "application/problem+json", "Host"},
		{guarded, "/", "", 503, "text/html", unnamed[1:]},
		{guarded, "/api/stats", "", 503, "application/problem+json", unnamed},
	} {
		status, mediaType, body := ask(c.ln, c.path, c.host)
		if status != c.status || !strings.HasPrefix(mediaType, c.mediaType) || !strings.Contains(body, c.shows) {
			t.Errorf("%s %s: %d %s: %s", c.path, c.host, status, mediaType, body)
		}
		if c.ln == guarded && strings.Contains(body, "is away") {
			t.Errorf("%s: the cause is told beyond loopback: %s", c.path, body)
		}
	}
	store := memory.New(1 << 20)
	defer store.Close()
	later <- store
	for {
		if status, _, _ := ask(open, "/api/stats", ""); status == http.StatusOK {
			break
		}
	}
	if status, _, body := ask(guarded, "/api/stats", ""); status != http.StatusUnauthorized {
		t.Errorf("without a login: %d %s", status, body)
	}
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
}
