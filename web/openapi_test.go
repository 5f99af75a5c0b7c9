package web

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"

	"hellox/stream"
	"hellox/web/login"
)

func loadOpenAPI(t *testing.T) (*openapi3.T, routers.Router) {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(openAPI)
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	router, err := legacy.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	openapi3filter.RegisterBodyDecoder("text/event-stream", openapi3filter.PlainBodyDecoder)
	openapi3filter.RegisterBodyDecoder("application/x-ndjson", openapi3filter.PlainBodyDecoder)
	openapi3filter.RegisterBodyDecoder("text/csv", openapi3filter.PlainBodyDecoder)
	return doc, router
}

// Every route is described, and everything described is a route.
func TestOpenAPINamesTheRoutes(t *testing.T) {
	doc, _ := loadOpenAPI(t)
	var described, served []string
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			described = append(described, method+" "+path)
		}
	}
	for _, rt := range newServer(t, Options{Store: newStore(t)}).routes {
		served = append(served, rt.pattern)
	}
	slices.Sort(described)
	slices.Sort(served)
	if !slices.Equal(described, served) {
		t.Errorf("described: %v\nserved: %v", described, served)
	}
}

// Answers, errors included, agree with the document, and the document allows the
// requests that the server accepts.
func TestAnswersAgreeWithOpenAPI(t *testing.T) {
	_, router := loadOpenAPI(t)
	store := newStore(t)
	now := time.Now()
	store.put(t, hellos(120)...)
	store.put(t, hello("press-1", 125, now), hello("press-1", 123, now), arrival("oven/3", []byte("\xff\x00"), now), arrival("a\u202eb", []byte("{}"), now))
	store.put(t, arrival("c", []byte("\xa1\x61a\x01"), now), arrival("p", []byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xfb"), now))
	store.degraded = "The disk is full."
	store.link = stream.Link{State: stream.Retrying, Since: now, Retry: now.Add(time.Second), Cause: "refused"}
	client := &recordingClient{answer: stream.Answer{ID: "1", Error: "no"}}
	way := &Login{Guard: login.New(func(string) {}, time.Now)}
	s := newServer(t, Options{Login: way, Store: store, Client: client, Retained: retains("hello_world/a", "1"), Name: func() string { return "kind-hellox" }, Log: slog.New(slog.DiscardHandler)})
	seen := map[string]bool{}
	for _, c := range []struct {
		method, target, body, accept string
		status                       int
		undescribed                  bool // the document cannot say what is wrong with the request
	}{
		{"GET", "/api/messages", "", "", 200, false},
		{"GET", "/api/messages?after=0&limit=10&topic=a&topic=%23&sender=press-1&filter=is:ours&since=1h&until=0s", "", "", 200, false},
		{"GET", "/api/messages?before=3", "", "application/x-ndjson", 200, false},
		{"GET", "/api/messages?limit=99999", "", "", 400, false},
		{"GET", "/api/messages?filter=delta%3E%3E", "", "", 400, true},
		{"GET", "/api/messages/1", "", "", 200, false},
		{"GET", "/api/messages/123", "", "", 200, false},
		{"GET", "/api/messages/9999", "", "", 404, false},
		{"GET", "/api/messages/1/decoded", "", "", 200, false},
		{"GET", "/api/messages/125/decoded", "", "", 200, false},
		{"GET", "/api/messages/126/decoded", "", "", 200, false},
		{"GET", "/api/messages/123/decoded", "", "", 200, false},
		{"GET", "/api/messages/9999/decoded", "", "", 404, false},
		{"GET", "/api/export?filter=is:ours&since=1h", "", "", 200, false},
		{"GET", "/api/export?format=csv&topic=a&sender=press-1", "", "", 200, false},
		{"GET", "/api/export?format=spreadsheet&topic=a", "", "", 200, false},
		{"GET", "/api/export?format=xml", "", "", 400, false},
		{"GET", "/api/senders", "", "", 200, false},
		{"GET", "/api/senders?search=press&sort=trouble&limit=5", "", "", 200, false},
		{"GET", "/api/senders?group=press-&sort=rate&offset=1&limit=5", "", "", 200, false},
		{"GET", "/api/senders/groups", "", "", 200, false},
		{"GET", "/api/senders/groups?search=oven", "", "", 200, false},
		{"GET", "/api/senders?sort=colour", "", "", 400, false},
		{"GET", "/api/topics", "", "", 200, false},
		{"GET", "/api/topics?after=a&changed=3&limit=1", "", "", 200, false},
		{"GET", "/api/topics?limit=0", "", "", 400, false},
		{"GET", "/api/retained", "", "", 200, false},
		{"GET", "/api/retained?topic=hello_world/%2B&topic=a", "", "", 200, false},
		{"GET", "/api/stats", "", "", 200, false},
		{"GET", "/api/stats/intervals", "", "", 200, false},
		{"GET", "/api/timeline?since=2h&bins=20", "", "", 200, false},
		{"GET", "/api/timeline?since=2h&filter=is:ours&topic=%23&sender=press-1", "", "", 200, false},
		{"GET", "/api/filter?filter=is:ours", "", "", 200, false},
		{"GET", "/api/openapi.json", "", "", 200, false},
		{"GET", "/api/events?after=100", "", "", 200, false},
		{"GET", "/api/events?filter=(", "", "", 400, true},
		{"POST", "/api/publish", `{"topic":"a","payload":"b","qos":1,"retain":true}`, "", 200, false},
		{"POST", "/api/publish", `{"topic":"a","payload_base64":"AA=="}`, "", 200, false},
		{"POST", "/api/command", `{"to":"press-1","do":"interval","min":"1s","max":"2s"}`, "", 200, false},
		{"POST", "/api/command", `{"to":"press-1","do":"interval"}`, "", 400, true},
		{"POST", "/api/pods", `{"pods":[{"name":"press-1","phase":"Running","reason":"OOMKilled"}]}`, "", 200, false},
		{"POST", "/api/pods", `{"pods":[{"name":"press-1","phase":"Dancing"}]}`, "", 400, false},
		{"GET", "/api/senders", "", "", 200, false},
		{"POST", "/api/login", `{"code":"ABC"}`, "", 401, false},
		{"POST", "/api/login/code", `{}`, "", 200, false},
		{"POST", "/api/logout", `{}`, "", 200, false},
	} {
		name := c.method + " " + c.target + " " + c.body
		ctx, cancel := context.WithCancel(t.Context())
		r := httptest.NewRequestWithContext(ctx, c.method, "http://localhost:8420"+c.target, strings.NewReader(c.body))
		r.Host = "localhost:8420"
		if c.body != "" {
			r.Header.Set("Content-Type", "application/json")
		}
		if c.accept != "" {
			r.Header.Set("Accept", c.accept)
		}
		route, params, err := router.FindRoute(r)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		seen[c.method+" "+route.Path] = true
		input := &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route}
		if err := openapi3filter.ValidateRequest(ctx, input); (err == nil) != (c.status != 400 || c.undescribed) {
			t.Errorf("%s: the document says of the request: %v", name, err)
		}
		w := httptest.NewRecorder()
		if strings.HasPrefix(c.target, "/api/events") && c.status == 200 {
			time.AfterFunc(100*time.Millisecond, cancel) // an event stream ends when its client leaves
		}
		r.Body = io.NopCloser(strings.NewReader(c.body))
		s.ServeHTTP(w, r)
		cancel()
		if w.Code != c.status {
			t.Errorf("%s: status %d, want %d: %s", name, w.Code, c.status, w.Body)
		}
		err = openapi3filter.ValidateResponse(t.Context(), &openapi3filter.ResponseValidationInput{
			RequestValidationInput: input, Status: w.Code, Header: w.Header(), Body: io.NopCloser(bytes.NewReader(w.Body.Bytes())),
		})
		if err != nil {
			t.Errorf("%s: the document says of the answer: %v", name, err)
		}
	}
	for _, rt := range s.routes {
		if !seen[rt.pattern] {
			t.Errorf("no request of this test goes to %s", rt.pattern)
		}
	}
}
