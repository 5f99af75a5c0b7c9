package web

import (
	"net/http"
	"strings"
)

// A route is one operation of the API.
type route struct {
	pattern string // as http.ServeMux reads it
	handler func(*Server, http.ResponseWriter, *http.Request)
}

// routes are the whole API; openapi.json describes the same, and a test holds
// one against the other.
var routes = []route{
	{"GET /api/messages", (*Server).getMessages},
	{"GET /api/messages/{id}", (*Server).getMessage},
	{"GET /api/events", (*Server).getEvents},
	{"GET /api/senders", (*Server).getSenders},
	{"GET /api/stats", (*Server).getStats},
	{"GET /api/stats/intervals", (*Server).getIntervals},
	{"GET /api/timeline", (*Server).getTimeline},
	{"GET /api/filter", (*Server).getFilter},
	{"POST /api/publish", (*Server).postPublish},
	{"POST /api/command", (*Server).postCommand},
	{"GET /api/openapi.json", (*Server).getOpenAPI},
}

// mux routes the API, the page and what the page is made of.
func (s *Server) mux() http.Handler {
	mux := http.NewServeMux()
	for _, rt := range routes {
		method, path, _ := strings.Cut(rt.pattern, " ")
		mux.Handle(rt.pattern, s.metrics.count(rt.pattern, func(w http.ResponseWriter, r *http.Request) { rt.handler(s, w, r) }))
		// Without this and the next, ServeMux would answer in plain text.
		mux.Handle(path, s.metrics.count(path, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Allow", method)
			problem(w, http.StatusMethodNotAllowed, "this path takes "+method+", not "+r.Method)
		}))
	}
	mux.Handle("/api/", s.metrics.count("/api/", func(w http.ResponseWriter, _ *http.Request) {
		problem(w, http.StatusNotFound, "the API has no such path; GET /api/openapi.json names those that there are")
	}))
	mux.Handle("/", s.metrics.count("/", files()))
	return mux
}
