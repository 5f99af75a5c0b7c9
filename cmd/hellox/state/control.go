package state

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"hellox/bootstrap/peer"
)

// answerWait is how long a process has to answer its control listener.
const answerWait = 2 * time.Second

// serve answers on a loopback port of its own: GET / (alive), POST /stop and
// POST /scale. Connections of other users are closed, and every request must bear the
// token of the record, which only this user can read. A signal is sent only to a process that does not answer: see Stop.
func (l *Lock) serve() error {
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("open the control listener: %w", err)
	}
	token := rand.Text()
	l.instance.Owner = &Owner{Control: ln.Addr().String(), Token: token}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(http.ResponseWriter, *http.Request) {})
	stop := sync.OnceFunc(func() { close(l.stop) })
	mux.HandleFunc("POST /stop", func(http.ResponseWriter, *http.Request) { stop() })
	mux.HandleFunc("POST /scale", func(w http.ResponseWriter, r *http.Request) {
		var n int
		if err := json.NewDecoder(r.Body).Decode(&n); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if err := l.scaleTo(n); err != nil {
			http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		}
	})
	l.control = &http.Server{
		ReadHeaderTimeout: 5 * time.Second,
		MaxHeaderBytes:    8 << 10,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), []byte("Bearer "+token)) != 1 {
				http.Error(w, "not yours", http.StatusUnauthorized)
				return
			}
			r.Body = http.MaxBytesReader(w, r.Body, 1<<10)
			mux.ServeHTTP(w, r)
		}),
	}
	go func() {
		defer close(l.served)
		_ = l.control.Serve(peer.OnlyMine(ln)) // until it is closed
	}()
	return nil
}

// Alive reports whether the process that i names as its owner answers. One that
// does not may still run: see Process.
func (i Instance) Alive(ctx context.Context) bool {
	if i.Owner == nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, answerWait)
	defer cancel()
	return i.request(ctx, http.MethodGet, "/", nil) == nil
}

// Scale asks the owner of i for n broadcasters.
func (i Instance) Scale(ctx context.Context, n int) error {
	return i.request(ctx, http.MethodPost, "/scale", n)
}

// request sends a request to the owner of i.
func (i Instance) request(ctx context.Context, method, path string, body any) error {
	b, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://"+i.Owner.Control+path, bytes.NewReader(b))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+i.Owner.Token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("ask the process %d that holds %s: %w", i.Owner.PID, i.Installation, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		why, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
		return fmt.Errorf("ask the process %d that holds %s: %s", i.Owner.PID, i.Installation, bytes.TrimSpace(why))
	}
	return nil
}
