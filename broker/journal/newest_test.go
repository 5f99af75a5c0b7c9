package journal

import (
	"testing"
)

// A sender is a consumer that has been sent something at QoS 2.
type sender struct {
	keeper
	sent SentRow
}

func (s sender) Sent() (SentRow, bool) {
	s.sent.Number = s.Number()
	return s.sent, true
}

// restarted closes a journal, changes its file, and opens it anew.
func restarted(t *testing.T, j *Journal, folder, change string) *Journal {
	t.Helper()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j.ended = nil // for the test's end
	j = openJournal(t, folder)
	if change != "" {
		if err := j.file.conn.Script(t.Context(), change); err != nil {
			t.Fatal(err)
		}
	}
	err := j.Load(func(r SessionRow) *Queue { return j.NewQueue(keeper(r.Number), "", r.Cursor, true) }, func(*Message) {})
	if err != nil {
		t.Fatal(err)
	}
	j.Start()
	return j
}

// TestNewestSeq: after a restart no message gets a sequence number that a row holds, of
// which it says that it is done, or with a client, wherever in a row it is.
func TestNewestSeq(t *testing.T) {
	const newest = 1000
	for name, row := range map[string]SentRow{
		"cursor": {Cursor: newest}, "read": {Read: newest}, "open": {Read: 5, Open: []uint64{6, newest}}, "done": {Done: []uint64{newest, 7}},
		"sent": {Sent: []SentMessage{{1, newest}, {2, 7}}}, "shared": {Shared: []SharedMessage{{1, 2, newest, true}, {2, 2, 7, false}}},
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			j := testJournal(t, folder)
			s := sender{keeper(1), row}
			j.Save(keeper(1), nil)
			j.mu.Lock()
			j.changedSent[&s] = struct{}{}
			j.mu.Unlock()
			j = restarted(t, j, folder, "")
			if seq := j.LastSeq(); seq != newest {
				t.Errorf("the newest is %d, want %d", seq, newest)
			}
		})
	}
}

// TestNewestSeqOfDamagedRow: no message gets the sequence number of a row that cannot be
// read, or writing it would fail.
func TestNewestSeqOfDamagedRow(t *testing.T) {
	folder := t.TempDir()
	j := testJournal(t, folder)
	j.Save(keeper(1), nil)
	appendOne := func() {
		t.Helper()
		w := testWaiter{make(chan uint64, 1)}
		seq, err := j.Append(&Message{Topic: "x", Payload: []byte("1"), QoS: 1}, NewGroup([]*Queue{j.NewQueue(keeper(1), "", 0, true)}), w, nil)
		if err != nil {
			t.Fatal(err)
		}
		if j.Await(w, seq) {
			if _, stored := <-w.released; !stored {
				t.Fatal("it is not stored")
			}
		}
	}
	for range 3 {
		appendOne()
	}
	j = restarted(t, j, folder, "UPDATE batch SET crc = 1")
	for range 5 {
		appendOne()
	}
}
