package journal

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestRelease has a queue need one old message and the newest: what is in between goes,
// also from the file, and what it needs is fetched.
func TestRelease(t *testing.T) {
	j := testJournal(t, t.TempDir())
	q := j.NewQueue(keeper(1), "", 0, true)
	group := NewGroup([]*Queue{q})
	const messages = 20
	for range messages {
		w := testWaiter{make(chan uint64, 1)}
		seq, err := j.Append(&Message{Topic: "x", Payload: make([]byte, 100<<10), QoS: 1}, group, w, nil)
		if err != nil {
			t.Fatal(err)
		}
		if j.Await(w, seq) {
			<-w.released
		}
	}
	forgetMessages(j)
	before := j.Stats().Batches
	const open = 4
	if held := j.Release(q, messages-1, []uint64{open}); held > 700<<10 {
		t.Errorf("%d bytes are held", held)
	}
	if after := j.Stats().Batches; after >= before || after < 2 {
		t.Errorf("%d batches of %d are left", after, before)
	}
	seen := map[uint64]bool{}
	for at := uint64(0); ; {
		got, upTo, err := j.Fetch(q, at)
		if err != nil {
			t.Fatal(err)
		}
		if upTo == 0 {
			break
		}
		for _, m := range got {
			seen[m.Seq] = true
		}
		at = upTo
	}
	if !seen[open] || !seen[messages] || seen[messages/2] {
		t.Errorf("%d are fetched, that which is open: %v, the newest: %v, one in between: %v", len(seen), seen[open], seen[messages], seen[messages/2])
	}
	j.Advanced(q, messages)
	if n := j.Stats().Batches; n != 0 {
		t.Errorf("%d batches are left", n)
	}
}

// TestSentRow: a row of what was sent is read back as it was, and also one of an older
// version, which had no shared subscriptions.
func TestSentRow(t *testing.T) {
	old := SentRow{Cursor: 7, Sent: []SentMessage{{ID: 1, Seq: 9}}, Released: []uint16{2, 3}, Done: []uint64{12}}
	row := old
	row.Shared = []SharedMessage{{ID: 4, Share: 5, Seq: 600}, {ID: 5, Share: 5, Seq: 601, Released: true}}
	row.Read, row.Open = 700, []uint64{8, 650}
	for _, r := range []SentRow{old, row, {}} {
		b := r.encode()
		if got, ok := decodeSent(b); !ok || !cmp.Equal(got, r) {
			t.Errorf("got %+v, %v; want %+v", got, ok, r)
		}
		for n := range b {
			if got, ok := decodeSent(b[:n]); ok && cmp.Equal(got, r) && n != len(b)-3 { // the end of version 5
				t.Errorf("%d bytes of %d are enough", n, len(b))
			}
		}
	}
	b := old.encode()
	if got, ok := decodeSent(b[:len(b)-3]); !ok || !cmp.Equal(got, old) { // as version 5 wrote it
		t.Errorf("got %+v, %v; want %+v", got, ok, old)
	}
}
