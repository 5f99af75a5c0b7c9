package journal

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
)

// TestSweep has sessions, whose rows lie between each other's, read at the same time:
// each gets its own, in order. What is lost or damaged is missed by those alone that want
// it.
func TestSweep(t *testing.T) {
	const sessions, messages = 20, 60
	j := testJournal(t, t.TempDir())
	groups := make([]*Group, sessions)
	queues := make([]*Queue, sessions)
	for i := range sessions {
		queues[i] = j.NewQueue(keeper(i+1), "", 0, true)
		groups[i] = NewGroup(queues[i : i+1])
	}
	all := NewGroup(queues)
	want := make([][]string, sessions)
	var last uint64
	for n := range messages {
		for i := range sessions {
			to, for1 := groups[i], queues[i:i+1]
			if n%7 == 3 {
				to, for1 = all, queues
			}
			payload := fmt.Sprintf("%d of %d %s", n, i, strings.Repeat("x", i*20))
			seq, err := j.Append(&Message{Topic: "x", Payload: []byte(payload), QoS: 1}, to, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			last = seq
			for _, q := range for1 {
				want[q.number-1] = append(want[q.number-1], payload)
			}
		}
		w := testWaiter{make(chan uint64, 1)} // a row for each group
		for j.Await(w, last) {                // an earlier commit may release it, too
			<-w.released
		}
	}
	forgetMessages(j)
	check := func(i int) error {
		messages, upTo, err := j.Fetch(queues[i], 0)
		if err != nil {
			return err
		}
		got := make([]string, len(messages))
		for k, m := range messages {
			got[k] = string(m.Payload)
		}
		if upTo == 0 || !slices.Equal(got, want[i]) {
			return fmt.Errorf("session %d got %d messages up to %d: %.200q, want %d", i, len(got), upTo, got, len(want[i]))
		}
		return nil
	}
	together := func() []error {
		errs := make([]error, sessions)
		var done sync.WaitGroup
		j.file.mu.Lock() // until all wait
		for i := range sessions {
			done.Go(func() { errs[i] = check(i) })
		}
		for waiting := 0; waiting < sessions; {
			j.file.reads.mu.Lock()
			waiting = len(j.file.reads.waiting)
			j.file.reads.mu.Unlock()
		}
		j.file.mu.Unlock()
		done.Wait()
		return errs
	}
	for i, err := range together() {
		if err != nil {
			t.Errorf("session %d: %v", i, err)
		}
	}
	const lost, damaged = 4, 9
	j.file.mu.Lock()
	one := groups[lost].queues[0].pending[0].spans[0].last
	two := groups[damaged].queues[0].pending[0].spans[0].last
	err := j.file.conn.Exec("DELETE FROM batch WHERE last = ?", int64(one))
	if err == nil {
		err = j.file.conn.Exec("UPDATE batch SET records = zeroblob(20) WHERE last = ?", int64(two))
	}
	j.file.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	want[damaged] = want[damaged][1:]
	for i, err := range together() {
		if i == lost && (err == nil || !strings.Contains(err.Error(), "not there")) || i != lost && err != nil {
			t.Errorf("session %d: %v", i, err)
		}
	}
}

// TestJoined joins what is adjacent, and nothing else.
func TestJoined(t *testing.T) {
	got := joined([]span{{9, 9}, {1, 2}, {5, 7}, {3, 3}, {10, 12}})
	if want := []span{{1, 3}, {5, 7}, {9, 12}}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
