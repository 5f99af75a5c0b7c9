package web

import (
	"log/slog"
	"net/http"
	"strings"

	"golang.org/x/sync/semaphore"

	"hellox/web/timeline"
)

// A route is one operation of the API.
type route struct {
	pattern string // as http.ServeMux reads it
	handle  handlerFunc
}

// routes are the whole API, each handler made of the least that it needs.
// openapi.json describes the same, and a test holds one against the other.
func routes(opts *Options, events *eventsHandler) []route {
	store, client, name := opts.Store, opts.Client, opts.Name
	messages, known := messagesHandler{store, semaphore.NewWeighted(maxDecodings)}, events.pods.known
	var login loginHandler
	if opts.Login != nil {
		login.guard = opts.Login.Guard
	}
	return []route{
		{"GET /api/messages", messages.list},
		{"GET /api/messages/{id}", messages.one},
		{"GET /api/messages/{id}/decoded", messages.decoded},
		{"GET /api/export", messages.export},
		{"GET /api/events", events.get},
		{"GET /api/senders", sendersHandler{store, known}.list},
		{"GET /api/senders/groups", sendersHandler{store, known}.groups},
		{"GET /api/topics", topicsHandler{store, new(timeline.Rates)}.list},
		{"GET /api/stats", statsHandler{store, name}.get},
		{"GET /api/stats/intervals", intervalsHandler{store}.get},
		{"GET /api/timeline", timelineHandler{timeline.New(store)}.get},
		{"GET /api/filter", getFilter},
		{"GET /api/retained", retainedHandler{opts.Retained, opts.Topics}.list},
		{"POST /api/publish", publishHandler{client, opts.Topics, opts.Shared}.post},
		{"POST /api/pods", podsHandler{events.pods}.post},
		{"POST /api/command", commandHandler{client}.post},
		{"GET /api/openapi.json", getOpenAPI},
		{"POST /api/login", login.post},
		{"POST /api/login/code", login.code},
		{"POST /api/logout", login.logout},
	}
}

// mux routes the API, the page and what the page is made of.
func mux(routes []route, files http.HandlerFunc, m *metrics, log *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	for _, rt := range routes {
		method, path, _ := strings.Cut(rt.pattern, " ")
		mux.Handle(rt.pattern, m.count(rt.pattern, problems(log, rt.handle)))
		// Without this and the next, ServeMux would answer in plain text.
		mux.Handle(path, m.count(path, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Allow", method)
			problem(w, http.StatusMethodNotAllowed, "this path takes "+method+", not "+r.Method)
		}))
	}
	mux.Handle("/api/", m.count("/api/", func(w http.ResponseWriter, _ *http.Request) {
		problem(w, http.StatusNotFound, "the API has no such path; GET /api/openapi.json names those that there are")
	}))
	mux.Handle("/", m.count("/", files))
	return mux
}
