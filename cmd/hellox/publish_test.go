package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"hellox/history"
)

// TestUnstoredIsTold publishes at QoS 0 where one receiver has the history, and where the
// nodes of the broker have it: there it is said that it is not stored.
func TestUnstoredIsTold(t *testing.T) {
	for _, shared := range []bool{false, true} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_ = json.NewEncoder(w).Encode(history.Stats{Shared: shared})
		}))
		var said strings.Builder
		warnUnstored(t.Context(), &said, server.URL)
		server.Close()
		if got := strings.HasPrefix(said.String(), "not stored: a broker of several nodes passes QoS 0 on"); got != shared {
			t.Errorf("shared %v: %q", shared, said.String())
		}
		said.Reset()
		warnUnstored(t.Context(), &said, server.URL)
		if said.String() != "" {
			t.Errorf("without a receiver it says %q", said.String())
		}
	}
}
