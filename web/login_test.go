package web

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"hellox/stream/streamtest"
	"hellox/web/login"
)

// A guardedPage is a page with TLS and a login on a port of its own.
type guardedPage struct {
	address string
	client  *http.Client
	guard   *login.Guard
	mu      sync.Mutex
	codes   []string
	log     streamtest.Buffer
	stop    func()
}

func (g *guardedPage) code() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.codes[len(g.codes)-1]
}

// serveGuarded starts one at the address, whose certificate is for 127.0.0.1 and
// example.com.
func serveGuarded(t *testing.T, opts Options, address string) *guardedPage {
	t.Helper()
	certified := httptest.NewUnstartedServer(nil)
	certified.StartTLS()
	certificate := certified.TLS.Certificates[0]
	client := certified.Client()
	certified.Close()
	ln, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	g := &guardedPage{address: "https://" + ln.Addr().String(), client: client}
	g.guard = login.New(func(code string) {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.codes = append(g.codes, code)
	}, time.Now)
	opts.Login = &Login{Listener: tls.NewListener(ln, &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS13}), Hosts: []string{"127.0.0.1", "example.com"}, Guard: g.guard}
	opts.Log = slog.New(slog.NewTextHandler(&g.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- Serve(ctx, nil, opts) }()
	g.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		client.CloseIdleConnections()
	})
	t.Cleanup(g.stop)
	g.guard.ShowCode()
	return g
}

// ask returns the status and the body of an answer.
func (g *guardedPage) ask(t *testing.T, method, path, body, cookie, key string) (int, string, *http.Response) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, g.address+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if cookie != "" {
		r.AddCookie(&http.Cookie{Name: login.Cookie, Value: cookie})
	}
	if key != "" {
		r.Header.Set(login.Header, key)
	}
	response, err := g.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if strings.HasPrefix(path, "/api/events") && response.StatusCode == http.StatusOK {
		return 200, "", response
	}
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(answer), response
}

// logIn exchanges the newest code for a cookie and a key.
func (g *guardedPage) logIn(t *testing.T) (cookie, key string) {
	t.Helper()
	status, body, response := g.ask(t, "POST", "/api/login", fmt.Sprintf(`{"code":%q}`, g.code()), "", "")
	var in struct{ Key string }
	if status != 200 || json.Unmarshal([]byte(body), &in) != nil || len(response.Cookies()) != 1 {
		t.Fatalf("%d %s", status, body)
	}
	c := response.Cookies()[0]
	if !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" || c.Name != "__Host-hellox" {
		t.Errorf("the cookie %+v", c)
	}
	return c.Value, in.Key
}

// Each route of the API demands the cookie and the key of one session.
func TestEachRouteDemandsALogin(t *testing.T) {
	store := newStore(t)
	store.put(t, says("press-1", 1, time.Now(), secret))
	g := serveGuarded(t, Options{Store: store, Client: &recordingClient{}}, "127.0.0.1:0")
	cookie, key := g.logIn(t)
	tried := 0
	for _, rt := range newServer(t, Options{Store: newStore(t), Client: &recordingClient{}}).routes {
		method, path, _ := strings.Cut(strings.ReplaceAll(rt.pattern, "{id}", "1"), " ")
		if path == "/api/login" || path == "/api/login/code" || path == "/api/logout" {
			continue
		}
		body := ""
		if method == "POST" {
			body = "{}"
		}
		for _, c := range [][2]string{{"", ""}, {cookie, ""}, {"", key}, {"x", key}, {cookie, "x"}} {
			if status, answer, _ := g.ask(t, method, path, body, c[0], c[1]); status != 401 || strings.Contains(answer, secret) {
				t.Errorf("%s without a login: %d %s", rt.pattern, status, answer)
			}
			tried++
		}
		if status, answer, _ := g.ask(t, method, path, body, cookie, key); status == 401 {
			t.Errorf("the control: %s with a login: %d %s", rt.pattern, status, answer)
		}
	}
	for _, path := range []string{"//api/messages", "/static/../api/messages", "/api/../api/messages", "/API/messages", "/api/nothing", "/metrics", "/debug/pprof/"} {
		if status, answer, _ := g.ask(t, "GET", path, "", "", ""); status < 300 || strings.Contains(answer, secret) {
			t.Errorf("%s: %d %s", path, status, answer)
		}
	}
	if _, answer, _ := g.ask(t, "GET", "/", "", "", ""); strings.Contains(answer, secret) {
		t.Error("the page itself has data before the login")
	}
	if status, _, response := g.ask(t, "GET", "/login", "", "", ""); status != 200 || response.Header.Get("Content-Security-Policy") != policy {
		t.Error("the login page is not served, or without its policy")
	}
	t.Logf("%d requests without a whole login, 0 let in", tried)
}

// Codes are good once (D5), guessing is slow, and what was stolen or is old lets
// in nowhere (D4, D13).
func TestLoginAttacks(t *testing.T) {
	store := newStore(t)
	store.put(t, says("press-1", 1, time.Now(), secret))
	g := serveGuarded(t, Options{Store: store}, streamtest.FreeAddress(t))
	first := g.code()
	cookie, key := g.logIn(t)
	if status, _, _ := g.ask(t, "POST", "/api/login", fmt.Sprintf(`{"code":%q}`, first), "", ""); status != 401 {
		t.Errorf("a used code: %d", status)
	}
	refused, begun := map[int]int{}, time.Now()
	for i := range 200 {
		status, _, _ := g.ask(t, "POST", "/api/login", fmt.Sprintf(`{"code":"GUESS%d"}`, i), "", "")
		refused[status]++
	}
	if took := time.Since(begun); refused[200] != 0 || refused[401] > 5+int(took/(2*time.Second)) || refused[401]+refused[429] != 200 {
		t.Errorf("200 guesses in %s: %v", took, refused)
	}
	if strings.Contains(g.log.String(), first) || strings.Contains(g.log.String(), cookie) || strings.Contains(g.log.String(), key) {
		t.Errorf("the log has a secret:\n%s", g.log.String())
	}
	// Another port of this host got the cookie: it is worth nothing alone.
	if status, _, _ := g.ask(t, "GET", "/api/messages", "", cookie, ""); status != 401 {
		t.Errorf("the cookie alone: %d", status)
	}
	if status, answer, _ := g.ask(t, "GET", "/api/messages", "", cookie, key); status != 200 || !strings.Contains(answer, secret) {
		t.Errorf("the control: %d %s", status, answer)
	}
	// A name that the certificate does not have.
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, g.address+"/api/messages", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "evil.example"
	response, err := g.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("another name: %d", response.StatusCode)
	}
	// The receiver starts anew on the same port.
	address := strings.TrimPrefix(g.address, "https://")
	g.stop()
	again := serveGuarded(t, Options{Store: store}, address)
	if status, _, _ := again.ask(t, "GET", "/api/messages", "", cookie, key); status != 401 {
		t.Errorf("a session of before the restart: %d", status)
	}
	cookie, key = again.logIn(t)
	if status, _, _ := again.ask(t, "GET", "/api/messages", "", cookie, key); status != 200 {
		t.Errorf("the control after the restart: %d", status)
	}
}

// A person logs in with the address that the process shows, reads the stream, and
// logs out; nothing of the code stays behind.
func TestPageLogin(t *testing.T) {
	store := newStore(t)
	store.put(t, says("press-1", 1, time.Now(), secret))
	g := serveGuarded(t, Options{Store: store}, "127.0.0.1:0")
	ctx := chromium(t, chromedp.Flag("ignore-certificate-errors", true))
	// Another server of the same host sees what a browser sends it.
	var mu sync.Mutex
	var stolen []string
	thief := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		stolen = append(stolen, r.Header.Get("Cookie")+r.Header.Get("Referer"))
	}))
	defer thief.Close()

	open(t, ctx, g.address)
	until(t, ctx, `location.pathname === '/login' && document.querySelector('#code') === document.activeElement`)
	code := g.code()
	open(t, ctx, g.address+"/login#WRONG")
	until(t, ctx, `document.querySelector('#words').innerText.startsWith('this code is not valid') && location.hash === ''`)
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		t.Fatal(err)
	}
	open(t, ctx, g.address+"/login#"+code)
	until(t, ctx, `location.pathname === '/' && document.querySelector('#list')?.innerText.includes('`+secret+`')`)
	if got := evaluate[string](t, ctx, `document.cookie`); got != "" {
		t.Errorf("a script reads the cookie %q", got)
	}
	// What comes now is seen: the event stream is let in, too.
	store.put(t, says("press-1", 2, time.Now(), "after the login"))
	until(t, ctx, `document.querySelector('#list').innerText.includes('after the login')`)
	entries, err := chromedp.Call(ctx, page.GetNavigationHistory, cdp.Empty{})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries.Entries {
		if strings.Contains(e.URL, code) {
			t.Errorf("the code stays in the history: %s", e.URL)
		}
	}
	cookies, err := chromedp.Call(ctx, network.GetCookies, network.GetCookiesParams{})
	if err != nil || len(cookies.Cookies) != 1 || !cookies.Cookies[0].HTTPOnly || !cookies.Cookies[0].Secure {
		t.Errorf("cookies %+v %v", cookies, err)
	}
	if err := chromedp.Do(ctx, chromedp.Navigate(thief.URL)); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	if len(stolen) == 0 || strings.Contains(strings.Join(stolen, ""), code) {
		t.Errorf("the other port saw %q", stolen)
	}
	mu.Unlock()
	open(t, ctx, g.address)
	until(t, ctx, `document.querySelector('#list')?.innerText.includes('after the login')`)
	evaluate[bool](t, ctx, `[...document.querySelectorAll('#head button')].find((b) => b.textContent === 'log out').click(), true`)
	until(t, ctx, `location.pathname === '/login' && localStorage.getItem('hellox.key') == null`)
	open(t, ctx, g.address)
	until(t, ctx, `location.pathname === '/login'`)
}
