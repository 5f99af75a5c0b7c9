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
