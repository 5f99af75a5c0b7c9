package web

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"hellox/stream"
)

// TestPods tells of two pods: a broadcaster's sender carries its own, another publisher
// of that name none. What cannot be true is refused, and changes nothing.
func TestPods(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	now := time.Now()
	store.put(t, hello("broadcast-0", 1, now), hello("broadcast-1", 1, now), arrival("broadcast-0x", []byte("{}"), now))
	s := newServer(t, Options{Store: store})
	pods := func() map[string]*stream.Pod {
		t.Helper()
		var answer struct{ Senders []stream.Sender }
		if err := json.Unmarshal(ask(s, http.MethodGet, "/api/senders", "").Body.Bytes(), &answer); err != nil {
			t.Fatal(err)
		}
		found := map[string]*stream.Pod{}
		for _, sender := range answer.Senders {
			found[sender.Sender] = sender.Pod
		}
		return found
	}
	if got := pods(); len(got) != 3 || got["broadcast-0"] != nil {
		t.Errorf("nothing was told: %v", got)
	}
	w := ask(s, http.MethodPost, "/api/pods", `{"pods":[{"name":"broadcast-0","phase":"Running","reason":"OOMKilled"},{"name":"broadcast-0x","phase":"Running"}]}`)
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"pods":2,"expires":"`) {
		t.Fatalf("POST /api/pods: %d %s", w.Code, w.Body)
	}
	told := pods()
	if p := told["broadcast-0"]; p == nil || *p != (stream.Pod{Name: "broadcast-0", Phase: "Running", Reason: "OOMKilled"}) || told["broadcast-1"] != nil || told["broadcast-0x"] != nil {
		t.Errorf("the senders' pods are %v", told)
	}
	for body, want := range map[string]string{
		`{}`: "give pods",
		`{"pods":[{"name":"","phase":"Running"}]}`:                                                                   "name: ",
		`{"pods":[{"name":"a\u001bb","phase":"Running"}]}`:                                                           "name: ",
		`{"pods":[{"name":"a","phase":"Dancing"}]}`:                                                                  "phase: it is one of Pending, Running",
		`{"pods":[{"name":"a","phase":"Running","node":"x"}]}`:                                                       `there is no field "node"`,
		`{"pods":[{"name":"a","phase":"Running","reason":"` + strings.Repeat("x", 257) + `"}]}`:                      "at most 256",
		`{"pods":[` + strings.Repeat(`{"name":"a","phase":"Running"},`, 10_000) + `{"name":"a","phase":"Running"}]}`: "at most 10000",
	} {
		if w := ask(s, http.MethodPost, "/api/pods", body); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), strings.ReplaceAll(want, `"`, `\"`)) {
			t.Errorf("%.80s: %d %s, want %q", body, w.Code, w.Body, want)
		}
	}
	if w := ask(s, http.MethodPost, "/api/pods", `{"pods":[]}`, "Content-Type", "text/plain"); w.Code != http.StatusUnsupportedMediaType {
		t.Errorf("as text: %d", w.Code)
	}
	if w := ask(s, http.MethodPost, "/api/pods", `{"pods":[]}`, "Sec-Fetch-Site", "cross-site"); w.Code != http.StatusForbidden {
		t.Errorf("of another site: %d", w.Code)
	}
	if p := pods()["broadcast-0"]; p == nil {
		t.Error("what was refused changed what is known")
	}
}

// TestEventsTellOfPods sends an event of a sender when what is known of its pod changes,
// once, and has the pod in each event of the sender's own.
func TestEventsTellOfPods(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	store.put(t, steady("press-1", 1, time.Now()), steady("press-2", 1, time.Now()))
	address := serve(t, Options{Store: store})
	all := listen(t, t.Context(), address+"/api/events")
	other := listen(t, t.Context(), address+"/api/events?sender=press-2")
	next(t, all, "stats")
	next(t, other, "stats")
	tell := func(pods string) {
		t.Helper()
		response, err := http.Post(address+"/api/pods", "application/json", strings.NewReader(`{"pods":[`+pods+`]}`))
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != http.StatusOK {
			t.Fatalf("POST /api/pods: %s", response.Status)
		}
	}
	told := func(events <-chan event) (s stream.Sender) {
		t.Helper()
		if err := json.Unmarshal([]byte(next(t, events, "sender").data), &s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	const running = `{"name":"press-1","phase":"Running"},{"name":"press-3","phase":"Running"}`
	tell(running)
	if s := told(all); s.Sender != "press-1" || s.Pod == nil || s.Pod.Phase != "Running" {
		t.Errorf("a pod that is known now: %+v", s)
	}
	tell(running) // again, so that it does not expire
	tell(`{"name":"press-1","phase":"Failed","reason":"Evicted"},{"name":"press-2","phase":"Pending"},{"name":"press-3","phase":"Running"}`)
	if s := told(all); s.Sender != "press-1" || s.Pod == nil || *s.Pod != (stream.Pod{Name: "press-1", Phase: "Failed", Reason: "Evicted"}) {
		t.Errorf("a pod whose phase changed: %+v", s)
	}
	if s := told(other); s.Sender != "press-2" || s.Pod == nil || s.Pod.Phase != "Pending" {
		t.Errorf("who follows press-2 is told %+v", s)
	}
	store.put(t, steady("press-3", 1, time.Now()))
	s := told(all)
	for s.Sender != "press-3" {
		s = told(all)
	}
	if s.Pod == nil || s.Pod.Phase != "Running" {
		t.Errorf("a sender's own event: %+v", s)
	}
	tell("")
	for _, name := range []string{"press-1", "press-2", "press-3"} {
		if s := told(all); s.Sender != name || s.Pod != nil {
			t.Errorf("told that there are no pods: %+v of %+v", s.Pod, s)
		}
	}
}
