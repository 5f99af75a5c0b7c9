package login_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"hellox/web/login"
)

// A rig is a Guard with a clock and the codes that it showed.
type rig struct {
	*login.Guard
	now   time.Time
	codes []string
}

func newRig() *rig {
	r := &rig{now: time.Now()}
	r.Guard = login.New(func(code string) { r.codes = append(r.codes, code) }, func() time.Time { return r.now })
	return r
}

func (r *rig) newest() string { return r.codes[len(r.codes)-1] }

// ask sends a request with that cookie and key and returns the status.
func (r *rig) ask(cookie, key string) int {
	request := httptest.NewRequest(http.MethodGet, "/api/messages", nil)
	if cookie != "" {
		request.AddCookie(&http.Cookie{Name: login.Cookie, Value: cookie})
	}
	if key != "" {
		request.Header.Set(login.Header, key)
	}
	return r.do(request)
}

func (r *rig) do(request *http.Request) int {
	w := httptest.NewRecorder()
	status := func(n int) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(n) })
	}
	r.Wrap(status(200), status(401)).ServeHTTP(w, request)
	return w.Code
}

func TestCodes(t *testing.T) {
	r := newRig()
	if _, _, ok := r.Login(""); ok {
		t.Error("let in without a code ever shown")
	}
	r.ShowCode()
	r.ShowCode()
	if len(r.codes) != 1 || len(r.codes[0]) < 26 {
		t.Fatalf("codes %q, want one of 128 bits while it is valid", r.codes)
	}
	if _, _, ok := r.Login(r.newest() + "A"); ok {
		t.Error("let in with another code")
	}
	if _, _, ok := r.Login(" " + r.newest() + "\n"); !ok {
		t.Error("the control: the code itself is refused")
	}
	if _, _, ok := r.Login(r.newest()); ok {
		t.Error("let in with a code that was used")
	}
	if _, _, ok := r.Login(""); ok {
		t.Error("let in without a code after one was used")
	}
	r.ShowCode()
	r.now = r.now.Add(2 * time.Minute)
	if _, _, ok := r.Login(r.newest()); ok || len(r.codes) != 2 {
		t.Errorf("let in with a code of two minutes ago (%d codes)", len(r.codes))
	}
	r.ShowCode()
	r.now = r.now.Add(2*time.Minute - time.Second)
	if _, _, ok := r.Login(r.newest()); !ok {
		t.Error("the control: a code of a second less is refused")
	}
}

func TestSessionNeedsCookieAndKey(t *testing.T) {
	r := newRig()
	r.ShowCode()
	cookie, key, _ := r.Login(r.newest())
	r.ShowCode()
	otherCookie, otherKey, _ := r.Login(r.newest())
	for name, c := range map[string]struct {
		cookie, key string
		want        int
	}{
		"both": {cookie, key, 200}, "the other's both": {otherCookie, otherKey, 200},
		"nothing": {"", "", 401}, "the cookie alone": {cookie, "", 401}, "the key alone": {"", key, 401},
		"another session's key": {cookie, otherKey, 401}, "another session's cookie": {otherCookie, key, 401},
		"the key as the cookie": {key, key, 401}, "the cookie as the key": {cookie, cookie, 401},
	} {
		if got := r.ask(c.cookie, c.key); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
	twice := httptest.NewRequest(http.MethodGet, "/", nil)
	for _, value := range []string{"x", cookie} {
		twice.AddCookie(&http.Cookie{Name: login.Cookie, Value: value})
	}
	twice.Header.Set(login.Header, key)
	if r.do(twice) != 401 {
		t.Error("let in with two cookies of the name")
	}
	r.now = r.now.Add(12 * time.Hour)
	if r.ask(cookie, key) != 401 {
		t.Error("let in after twelve hours")
	}
}

// A session that is ended ends what it has open, such as an event stream.
func TestLogoutEndsRequests(t *testing.T) {
	r := newRig()
	r.ShowCode()
	cookie, key, _ := r.Login(r.newest())
	request := httptest.NewRequest(http.MethodGet, "/api/events", nil)
	request.AddCookie(&http.Cookie{Name: login.Cookie, Value: cookie})
	request.Header.Set(login.Header, key)
	inside, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		r.Wrap(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			close(inside)
			<-r.Context().Done()
		}), http.NotFoundHandler()).ServeHTTP(httptest.NewRecorder(), request)
	}()
	<-inside
	r.Logout(request)
	select {
	case <-ended:
	case <-time.After(time.Minute):
		t.Fatal("the request goes on")
	}
	if r.ask(cookie, key) != 401 {
		t.Error("let in after the logout")
	}
}

func TestSessionsAreBounded(t *testing.T) {
	r := newRig()
	var cookies, keys []string
	for range 66 {
		r.ShowCode()
		cookie, key, ok := r.Login(r.newest())
		if !ok {
			t.Fatal("no session")
		}
		cookies, keys = append(cookies, cookie), append(keys, key)
		r.now = r.now.Add(time.Second)
	}
	open := 0
	for i := range cookies {
		if r.ask(cookies[i], keys[i]) == 200 {
			open++
		}
	}
	if open != 64 || r.ask(cookies[0], keys[0]) != 401 || r.ask(cookies[65], keys[65]) != 200 {
		t.Errorf("%d sessions are open, want the newest 64", open)
	}
}

func TestAttemptsAreLimited(t *testing.T) {
	r := newRig()
	allowed := func(remote string, n int) (ok int) {
		for range n {
			if r.Allow(remote) {
				ok++
			}
		}
		return ok
	}
	if got := allowed("192.0.2.1:1000", 1_000_000); got != 5 {
		t.Errorf("%d of a million attempts at once are allowed", got)
	}
	if got := allowed("192.0.2.1:2000", 10); got != 0 {
		t.Errorf("%d more from another port", got)
	}
	if got := allowed("192.0.2.2:1000", 1); got != 1 {
		t.Error("the control: another address is not allowed")
	}
	if got := allowed("[::ffff:192.0.2.1]:1000", 10); got != 0 {
		t.Errorf("%d more from the address as IPv6", got)
	}
	many := 0
	for i := range 1000 {
		many += allowed(fmt.Sprintf("[2001:db8:0:1::%x]:1", i), 5)
	}
	if many != 5 {
		t.Errorf("%d attempts from a thousand addresses of one network", many)
	}
	r.now = r.now.Add(20 * time.Second)
	if got := allowed("192.0.2.1:1000", 100); got != 5 {
		t.Errorf("%d after a while", got)
	}
	total := 0
	for i := range 10_000 {
		total += allowed(fmt.Sprintf("[2001:db8:1:%x::1]:1", i), 5)
	}
	if total < 1000*5 || total > 1024*5+5 {
		t.Errorf("%d attempts from ten thousand networks", total)
	}
}
