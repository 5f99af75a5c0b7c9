package web

import (
	"fmt"
	"net/http"
)

// getSenders answers GET /api/senders.
func (s *Server) getSenders(w http.ResponseWriter, r *http.Request) {
	if _, err := parameters(r); err != nil {
		s.fail(w, r, err)
		return
	}
	senders, err := s.store.Senders(r.Context())
	if err != nil {
		s.fail(w, r, fmt.Errorf("read senders: %w", err))
		return
	}
	views := make([]senderView, len(senders))
	for i := range senders {
		views[i] = viewSender(&senders[i])
	}
	s.answer(w, r, struct {
		Senders []senderView `json:"senders"`
	}{views})
}

// getStats answers GET /api/stats: the history's, the installation's name, and
// the receiver's clock, by which every time in the API is to be read.
func (s *Server) getStats(w http.ResponseWriter, r *http.Request) {
	if _, err := parameters(r); err != nil {
		s.fail(w, r, err)
		return
	}
	stats, err := s.store.Stats(r.Context())
	if err != nil {
		s.fail(w, r, fmt.Errorf("read stats: %w", err))
		return
	}
	s.answer(w, r, viewStats(&stats, s.name(), s.now()))
}

// answer answers with v as JSON.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, v any) {
	body, err := encode(v)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, append(body, '\n'))
}
