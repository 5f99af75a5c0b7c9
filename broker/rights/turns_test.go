package rights

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"
)

// An attempt is a login whose hash is computed when the test says so.
type attempt struct{ user, source string }

// credentials are those of an attempt.
func (a attempt) credentials(password string) Credentials {
	return Credentials{User: a.user, Password: []byte(password), ClientID: "phone", Source: a.source}
}

// enqueue has attempts log in, one after the other, while no slot is free, and returns
// what each gets.
func enqueue(t *testing.T, f *Files, all []attempt) []chan error {
	t.Helper()
	results := make([]chan error, len(all))
	for i, a := range all {
		results[i] = make(chan error, 1)
		go func() {
			_, err := f.Login(context.Background(), a.credentials("secret of "+a.user))
			results[i] <- err
		}()
		for waiting(f)+told(results[:i+1]) <= i {
			time.Sleep(50 * time.Microsecond)
		}
	}
	return results
}

func waiting(f *Files) int {
	f.hasher.turns.mu.Lock()
	defer f.hasher.turns.mu.Unlock()
	return f.hasher.turns.all.waiting
}

// told returns how many attempts have their result.
func told(results []chan error) (n int) {
	for _, r := range results {
		n += len(r)
	}
	return n
}

// TestTurns has a flood of logins wait, from where a user is and from elsewhere, with
// names of no user, with names of other users and, where it has a session, with its own. A
// user that comes then has its turn among the first, and is not told that the broker is
// busy.
func TestTurns(t *testing.T) {
	names := []string{"alice", "bob", "carol"}
	const flood = 2 * maxWaiting
	for name, k := range map[string]struct {
		flood   func(i int) attempt
		alice   string // her source
		turn    int    // hers, at most
		resumes bool   // she has a session
	}{
		"unknown names, one address":   {func(i int) attempt { return attempt{fmt.Sprint("nobody", i), "127.0.0.1"} }, "127.0.0.1", 2, false},
		"other users, one address":     {func(i int) attempt { return attempt{names[1+i%2], "127.0.0.1"} }, "127.0.0.1", 3, false},
		"unknown and others":           {func(i int) attempt { return attempt{[]string{"bob", "nobody", "carol"}[i%3], "127.0.0.1"} }, "127.0.0.1", 4, false},
		"her own name, elsewhere":      {func(int) attempt { return attempt{"alice", "192.0.2.1"} }, "192.0.2.2", 2, false},
		"her own name, ten elsewhere":  {func(i int) attempt { return attempt{"alice", fmt.Sprint("192.0.2.", 10+i%10)} }, "192.0.2.2", 11, false},
		"her own name, one address":    {func(int) attempt { return attempt{"alice", "127.0.0.1"} }, "127.0.0.1", 2, true},
		"everyone, from one elsewhere": {func(i int) attempt { return attempt{names[i%3], "192.0.2.1"} }, "192.0.2.2", 2, false},
	} {
		t.Run(name, func(t *testing.T) {
			f, _, _ := files(t, "read * open/#\n", names...)
			f.hasher.turns.free = 0
			next := make(chan struct{})
			var order []string // of passwords, by one goroutine at a time
			f.hasher.compute = func(_ hash, password []byte) bool {
				<-next
				order = append(order, string(password))
				return false
			}
			all := make([]attempt, 0, flood+1)
			for i := range flood {
				all = append(all, k.flood(i))
			}
			results := enqueue(t, f, all)
			alice := make(chan error, 1)
			c := attempt{"alice", k.alice}.credentials("that of alice")
			c.Resumes = k.resumes
			go func() {
				_, err := f.Login(t.Context(), c)
				alice <- err
			}()
			for told(results)+len(alice) <= flood-maxWaiting { // until one more has made room
				time.Sleep(50 * time.Microsecond)
			}
			f.hasher.turns.give() // the one slot
			for range maxWaiting {
				next <- struct{}{}
			}
			if err := <-alice; err != ErrLogin { //nolint:errorlint // as it is
				t.Fatalf("alice: %v", err)
			}
			busy := 0
			for _, r := range results {
				if err := <-r; err == ErrBusy { //nolint:errorlint // as it is
					busy++
				}
			}
			if want := flood + 1 - maxWaiting; busy != want {
				t.Errorf("%d are told that the broker is busy, want %d", busy, want)
			}
			if turn := slices.Index(order, "that of alice") + 1; turn > k.turn {
				t.Errorf("alice has turn %d of %d, want at most %d", turn, len(order), k.turn)
			}
			if tt := &f.hasher.turns; tt.free != 1 || tt.all.waiting != 0 || len(tt.all.parts) != 0 {
				t.Errorf("%d free, %d waiting, %d sources are left", tt.free, tt.all.waiting, len(tt.all.parts))
			}
		})
	}
}

// TestTurnsLeave has logins give up amid others, some as their turn comes: no slot is
// lost and none is there twice.
func TestTurnsLeave(t *testing.T) {
	tt := turns{free: 2, places: 50}
	done := make(chan bool)
	for i := range 400 {
		go func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i%20)*time.Millisecond)
			defer cancel()
			if tt.take(ctx, fmt.Sprint(i%3), fmt.Sprint(i%7), fmt.Sprint(i%2)) == nil {
				time.Sleep(time.Millisecond)
				tt.give()
			}
			done <- true
		}()
	}
	for range 400 {
		<-done
	}
	if tt.free != 2 || tt.all.waiting != 0 || len(tt.all.parts) != 0 {
		t.Errorf("%d free, %d waiting, %d sources are left", tt.free, tt.all.waiting, len(tt.all.parts))
	}
}
