package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/gofrs/flock"
)

// errHeld is the error of a place whose lock another process holds.
var errHeld = errors.New("another hellox holds it")

// held is a place whose lock this process holds: it alone runs or forwards
// that installation. The kernel lets the lock go with the process, so nothing
// that a crash leaves behind needs a hand.
type held struct {
	place   place
	mu      sync.Mutex // of record and scale, once the control listener answers
	record  record
	scale   func(n int) error
	lock    *flock.Flock
	control *http.Server
	served  chan struct{}
	stop    chan struct{} // closed when somebody asked it to stop
}

// hold takes the lock of p, or returns errHeld.
func (p place) hold(r record) (*held, error) {
	if err := os.MkdirAll(string(p), 0o700); err != nil {
		return nil, fmt.Errorf("hold %s: %w", r.installation, err)
	}
	lock := flock.New(p.lockFile(), flock.SetPermissions(0o600))
	ok, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", p.lockFile(), err)
	}
	if !ok {
		return nil, errHeld
	}
	h := &held{place: p, record: r, lock: lock, served: make(chan struct{}), stop: make(chan struct{})}
	if err := h.serve(); err != nil {
		return nil, errors.Join(err, lock.Unlock())
	}
	return h, nil
}

// publish writes who holds the place, once its addresses are known. scale
// changes the number of broadcasters; nil where the cluster does that.
func (h *held) publish(web, mqtt string, detached bool, scale func(n int) error) error {
	return h.update(func(r *record) {
		h.scale = scale
		r.Holder.PID = os.Getpid()
		r.Holder.Started = time.Now().UTC()
		r.Holder.Web, r.Holder.MQTT = web, mqtt
		r.Holder.Detached = detached
	})
}

// update changes the record.
func (h *held) update(change func(*record)) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	change(&h.record)
	return h.place.write(h.record)
}

// scaleTo changes the number of broadcasters, and records it for the next up.
func (h *held) scaleTo(n int) error {
	h.mu.Lock()
	scale := h.scale
	h.mu.Unlock()
	if scale == nil {
		return errors.New("this process only holds the forwards")
	}
	if err := scale(n); err != nil {
		return err
	}
	return h.update(func(r *record) { r.Broadcasters = &n })
}

// release ends the control listener, takes the holder out of the record (there
// is none if it never came so far) and lets the lock go. The lock's file stays: removing it would let two
// processes hold two files of one name.
func (h *held) release() error {
	h.control.Close()
	<-h.served
	var err error
	if _, none := h.place.read(); !errors.Is(none, fs.ErrNotExist) {
		err = h.update(func(r *record) { r.Holder = nil })
	}
	return errors.Join(err, h.lock.Unlock())
}

// serve answers on a loopback port of its own: GET / lives, POST /stop, POST
// /scale. Every request must bear the token of the record, which only this
// user can read. So nobody has to send a signal to a pid that may be a
// stranger's by now.
func (h *held) serve() error {
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("open the control listener: %w", err)
	}
	token := rand.Text()
	h.record.Holder = &holder{Control: ln.Addr().String(), Token: token}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(http.ResponseWriter, *http.Request) {})
	stop := sync.OnceFunc(func() { close(h.stop) })
	mux.HandleFunc("POST /stop", func(http.ResponseWriter, *http.Request) { stop() })
	mux.HandleFunc("POST /scale", func(w http.ResponseWriter, r *http.Request) {
		var n int
		if err := json.NewDecoder(r.Body).Decode(&n); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if err := h.scaleTo(n); err != nil {
			http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		}
	})
	h.control = &http.Server{
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
		defer close(h.served)
		_ = h.control.Serve(ln) // until it is closed
	}()
	return nil
}

// lives tells whether the process that r names as its holder answers.
func (r record) lives(ctx context.Context) bool {
	if r.Holder == nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	return r.ask(ctx, http.MethodGet, "/", nil) == nil
}

// ask sends a request to the holder of r.
func (r record) ask(ctx context.Context, method, path string, body any) error {
	b, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://"+r.Holder.Control+path, bytes.NewReader(b))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+r.Holder.Token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("ask the process %d that holds %s: %w", r.Holder.PID, r.installation, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		why, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
		return fmt.Errorf("ask the process %d that holds %s: %s", r.Holder.PID, r.installation, bytes.TrimSpace(why))
	}
	return nil
}

// end asks the holder of r to stop and waits until its lock is free.
func (r record) end(ctx context.Context, root string) error {
	if err := r.ask(ctx, http.MethodPost, "/stop", nil); err != nil {
		if !r.lives(ctx) {
			return nil // it ended by itself in between
		}
		return err
	}
	lock := flock.New(placeOf(root, r.installation).lockFile(), flock.SetPermissions(0o600))
	if _, err := lock.TryLockContext(ctx, 20*time.Millisecond); err != nil {
		return fmt.Errorf("wait for the process %d that holds %s: %w", r.Holder.PID, r.installation, err)
	}
	return lock.Unlock()
}
