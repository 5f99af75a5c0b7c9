package lines_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"hellox/history"
	"hellox/stream"
	"hellox/stream/streamtest"
	"hellox/tui/lines"
	"hellox/tui/tuitest"
)

func now() time.Time { return tuitest.At }

// threeMessages is a store that holds three messages and then reports a lost link.
func threeMessages() *tuitest.Store {
	s := tuitest.NewStore()
	third := tuitest.Hello("press-2", 9, tuitest.At.Add(2*time.Second), 1904*time.Millisecond, 2100*time.Microsecond)
	third.Missed = 3
	s.Say(
		tuitest.Hello("press-1", 1, tuitest.At, stream.None, 1800*time.Microsecond),
		stream.Message{Topic: "plant/line-1/temp", Sender: "plant/line-1/temp", Payload: []byte("31\x1b[2J °C"), Retained: true,
			Received: tuitest.At.Add(time.Second), Delta: 12*time.Minute + 3*time.Second, DeltaAny: time.Second, Latency: stream.None},
		third,
	)
	return s
}

func TestLinesStandInColumns(t *testing.T) {
	var out, aside bytes.Buffer
	n, err := lines.Write(t.Context(), lines.Options{Store: threeMessages(), Since: tuitest.At.Add(-time.Hour), Count: 3, Out: &out, Err: &aside, Now: now})
	if n != 3 || err != nil {
		t.Fatalf("Lines = %d, %v; want 3 messages", n, err)
	}
	want := strings.Join([]string{
		"time          sender        message                   since its last, latency",
		tuitest.At.Format("Monday, 2006-01-02"),
		"14:02:31.114  press-1       Hello world               latency 1.8 ms",
		"14:02:32.114  plant/line-1/temp  retained: 31␛[2J °C       12 m 03 s after its last",
		"press-2: 3 missed",
		"14:02:33.114  press-2            Hello world               1.904 s after its last, latency 2.1 ms",
		"",
	}, "\n")
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
	if aside.Len() > 0 {
		t.Errorf("beside the lines stands %q", aside.String())
	}
}

// Payloads of others are shown as in the terminal's list.
func TestLinesOfPayloads(t *testing.T) {
	store := tuitest.NewStore()
	for _, payload := range []string{"", `{"room":"\u041a\u0443\u0445","id":1724442618569203714}`} {
		store.Say(stream.Message{Topic: "a", Sender: "a", Payload: []byte(payload), Received: tuitest.At, Delta: stream.None, DeltaAny: stream.None, Latency: stream.None})
	}
	var out bytes.Buffer
	if _, err := lines.Write(t.Context(), lines.Options{Store: store, Since: tuitest.At.Add(-time.Hour), Count: 2, Out: &out, Now: now}); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"  (empty)", `  {"room":"Кух","id":1724442618569203714}`} {
		if got := strings.Split(out.String(), "\n")[i+2]; !strings.Contains(got, want) {
			t.Errorf("line %q, want %q in it", got, want)
		}
	}
}

func TestLinesOfJSONAreMessages(t *testing.T) {
	store := threeMessages()
	var out, aside bytes.Buffer
	if _, err := lines.Write(t.Context(), lines.Options{Store: store, Since: tuitest.At.Add(-time.Hour), JSON: true, Count: 3, Out: &out, Err: &aside, Now: now}); err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(&out)
	var got []stream.Message
	for {
		var m stream.Message
		if err := d.Decode(&m); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		got = append(got, m)
	}
	if diff := cmp.Diff(store.Stored, got); diff != "" {
		t.Errorf("messages (-kept +read):\n%s", diff)
	}
	if want := "press-2: 3 missed\n"; aside.String() != want {
		t.Errorf("beside the lines stands %q, want %q", aside.String(), want)
	}
}

func TestLinesBeginWithWhatComesNext(t *testing.T) {
	store := threeMessages()
	in, out := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		_, err := lines.Write(t.Context(), lines.Options{Store: watched{store, func() {
			store.Say(tuitest.Hello("late", 1, tuitest.At.Add(time.Minute), stream.None, 0))
		}}, Count: 1, Out: out, Now: now})
		out.Close()
		ended <- err
	}()
	got, _ := io.ReadAll(in)
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(got), "late") || strings.Contains(string(got), "press") {
		t.Errorf("wrote %q, want only what came after the beginning", got)
	}
}

// watched calls back once the store is followed.
type watched struct {
	history.Store
	followed func()
}

func (w watched) Follow(f history.Follow) history.Follower {
	defer w.followed()
	return w.Store.Follow(f)
}

func TestLinesTellOfALostLinkAndOfWhatWasDropped(t *testing.T) {
	for _, asJSON := range []bool{false, true} {
		store := tuitest.NewStore()
		store.Say(tuitest.Hello("press-1", 1, tuitest.At, stream.None, 0))
		store.Add(
			history.Event{Link: &stream.Link{State: stream.Retrying, Retry: tuitest.At.Add(4 * time.Second), Cause: "connection refused"}},
			history.Event{Link: &stream.Link{State: stream.Retrying, Retry: tuitest.At.Add(150 * time.Millisecond), Cause: "connection refused"}},
			history.Event{Link: &stream.Link{State: stream.Connected}},
			history.Event{Evicted: 6},
		)
		last := tuitest.Hello("press-1", 7, tuitest.At, stream.None, 0)
		last.ID = 7
		store.Say(last)
		var out, aside bytes.Buffer
		if _, err := lines.Write(t.Context(), lines.Options{Store: store, Since: tuitest.At, JSON: asJSON, Count: 2, Out: &out, Err: &aside, Now: now}); err != nil {
			t.Fatal(err)
		}
		link, dropped := "retry in 4 s: connection refused\nretrying: connection refused\nconnected\n", "5 dropped: they came faster than they were read\n"
		if asJSON {
			link += dropped
		} else if !strings.Contains(out.String(), dropped) {
			t.Errorf("wrote %q, want in it %q", out.String(), dropped)
		}
		if aside.String() != link {
			t.Errorf("json %v: beside the lines stands %q, want %q", asJSON, aside.String(), link)
		}
	}
}

// Another history behind the same address is told beside the lines, and its messages are
// written.
func TestLinesTellOfAnotherHistory(t *testing.T) {
	for _, asJSON := range []bool{false, true} {
		store := threeMessages()
		var out, aside bytes.Buffer
		n, err := lines.Write(t.Context(), lines.Options{Store: watched{store, func() {
			store.Add(history.Event{Anew: true})
			store.Say(tuitest.Hello("anew", 1, tuitest.At.Add(time.Minute), stream.None, 0))
			store.Add(history.Event{Evicted: 3})
			last := tuitest.Hello("anew", 4, tuitest.At.Add(time.Minute), stream.None, 0)
			last.ID = 4
			store.Say(last)
		}}, JSON: asJSON, Count: 2, Out: &out, Err: &aside, Now: now})
		if err != nil || n != 2 || !strings.Contains(out.String(), "anew") {
			t.Errorf("json %v: %v, wrote %q", asJSON, err, out.String())
		}
		if want := "this is another history, or an earlier copy of the one before\n"; !strings.HasPrefix(aside.String(), want) {
			t.Errorf("json %v: beside the lines stands %q, want %q", asJSON, aside.String(), want)
		}
		if all := out.String() + aside.String(); !strings.Contains(all, "2 dropped") {
			t.Errorf("json %v: what was dropped of the new one is not counted by its IDs: %q", asJSON, all)
		}
	}
}

func TestLinesEnd(t *testing.T) {
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	closed, w := io.Pipe()
	closed.Close()
	tests := []struct {
		name string
		ctx  context.Context
		o    lines.Options
		n    int
		err  error
	}{
		{"with the time", t.Context(), lines.Options{For: time.Millisecond, Out: io.Discard}, 3, nil},
		{"short of the count", t.Context(), lines.Options{For: time.Millisecond, Count: 4, Out: io.Discard}, 3, lines.ErrShort},
		{"with the context", canceled, lines.Options{Out: io.Discard}, 3, context.Canceled},
		{"with the reader", t.Context(), lines.Options{Out: w}, 3, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.o.Store, test.o.Since, test.o.Now = threeMessages(), tuitest.At.Add(-time.Hour), now
			n, err := lines.Write(test.ctx, test.o)
			if !errors.Is(err, test.err) {
				t.Errorf("Lines returned %v, want %v", err, test.err)
			}
			if n > test.n || test.err == nil && n != test.n {
				t.Errorf("Lines wrote %d messages, want %d", n, test.n)
			}
		})
	}
}

// TestNothingHostileReachesALine puts each of the corpus into every field.
func TestNothingHostileReachesALine(t *testing.T) {
	for _, s := range tuitest.Corpus() {
		for _, asJSON := range []bool{false, true} {
			store := tuitest.Hostile(s)
			store.Add(history.Event{Link: &stream.Link{State: stream.Retrying, Cause: s}})
			store.Say(tuitest.Hello("press-1", 1, tuitest.At, time.Second, 0))
			var out strings.Builder
			o := lines.Options{Store: store, Since: tuitest.At.Add(-time.Hour), JSON: asJSON, Color: true, Count: 3, Out: &out, Err: &out, Now: now}
			if n, err := lines.Write(t.Context(), o); n != 3 || err != nil {
				t.Fatalf("Lines = %d, %v", n, err)
			}
			for _, l := range strings.Split(tuitest.Bare(out.String()), "\n") {
				if at := strings.IndexFunc(l, tuitest.Unsafe); at >= 0 {
					t.Fatalf("json %v: %.100q reaches the line as %.300q", asJSON, s, l)
				}
			}
		}
	}
}

// A stream that is degraded, and one that is well again, is told beside the lines.
func TestLinesTellThatTheStreamIsDegraded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		store := tuitest.NewStore()
		store.Degrade("The disk is full\x1b[2J.")
		var out bytes.Buffer
		var aside streamtest.Buffer
		ended := make(chan error, 1)
		go func() {
			_, err := lines.Write(ctx, lines.Options{Store: store, Out: &out, Err: &aside, Now: now})
			ended <- err
		}()
		synctest.Wait()
		if want := "degraded: The disk is full␛[2J.\n"; aside.String() != want {
			t.Errorf("beside the lines stands %q, want %q", aside.String(), want)
		}
		store.Degrade("")
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if want := "no longer degraded: messages are acknowledged again\n"; !strings.HasSuffix(aside.String(), want) {
			t.Errorf("beside the lines stands %q, want at its end %q", aside.String(), want)
		}
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

// A screen reader gets words and dates: no sign of the screen is in a line.
func TestLinesAreWords(t *testing.T) {
	store := threeMessages()
	next := tuitest.Hello("press-2", 8, tuitest.At.Add(24*time.Hour), 3*time.Second, time.Millisecond)
	next.Reordered = true
	store.Say(next)
	var out bytes.Buffer
	if _, err := lines.Write(t.Context(), lines.Options{Store: store, Since: tuitest.At.Add(-time.Hour), Count: 4, Out: &out, Err: &out, Now: now}); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(out.String(), "┃▌▣↶⋯Δ●◌⨯") {
		t.Errorf("a sign is in\n%s", out.String())
	}
	for _, want := range []string{"\n" + tuitest.At.Format("Monday, 2006-01-02") + "\n", "\n" + tuitest.At.Add(24*time.Hour).Format("Monday, 2006-01-02") + "\n", "reordered: Hello world", "3.000 s after its last, latency 1.0 ms\n"} {
		if strings.Count(out.String(), want) != 1 {
			t.Errorf("%q is not once in\n%s", want, out.String())
		}
	}
}
