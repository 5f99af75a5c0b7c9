package share

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"hellox/stream"
)

func TestParse(t *testing.T) {
	for topicFilter, want := range map[string]string{
		"x": "not shared", "$shared/g/x": "not shared", "$SHARE/g/x": "not shared", "x/$share/g/y": "not shared", "": "not shared",
		"$share/g/x": "g x", "$share/g/x/#": "g x/#", "$share/g/+/x": "g +/x", "$share/g//": "g /", "$share/g/$SYS/x": "g $SYS/x", "$share/g/#": "g #",
		"$share": "malformed", "$share/": "malformed", "$share/g": "malformed", "$share/g/": "malformed", "$share//x": "malformed",
		"$share/+/x": "malformed", "$share/#/x": "malformed", "$share/g+/x": "malformed", "$share/#": "malformed",
		"$share/g/$share/h/x": "malformed", "$share/g/$share": "malformed",
	} {
		name, filter, shared, err := Parse(topicFilter)
		got := name + " " + filter
		switch {
		case err != nil:
			got = "malformed"
		case !shared:
			got = "not shared"
		}
		if got != want {
			t.Errorf("%q: %s, want %s", topicFilter, got, want)
		}
	}
}

// FuzzParse: what is parsed is put together again to what it was, and a name is one
// level without wildcards.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"$share/g/x", "$share/g/+/#", "$share//x", "$share", "x/y", "$share/g/", "$share/g+/x", "$share/\x00/x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, topicFilter string) {
		name, filter, shared, err := Parse(topicFilter)
		first, _, _ := strings.Cut(topicFilter, "/")
		switch {
		case shared != (first == "$share"):
			t.Errorf("shared %v", shared)
		case !shared && (err != nil || Filter(topicFilter) != topicFilter):
			t.Errorf("%v, %q", err, Filter(topicFilter))
		case shared && err == nil && ("$share/"+name+"/"+filter != topicFilter || Filter(topicFilter) != filter):
			t.Errorf("name %q, filter %q", name, filter)
		case shared && err == nil && (name == "" || filter == "" || strings.ContainsAny(name, "/+#")):
			t.Errorf("name %q, filter %q are taken", name, filter)
		case shared && err == nil && stream.CheckTopicFilter(filter) == nil && Filter(filter) != filter:
			t.Errorf("%q holds another one", topicFilter)
		}
	})
}

func TestRing(t *testing.T) {
	var r Ring[string]
	for _, m := range []string{"a", "b", "c"} {
		if !r.Add(m) || r.Add(m) {
			t.Fatalf("%s is not added once", m)
		}
	}
	turn := func() string {
		members, first := r.Turn()
		r.Took(members[first])
		return members[first]
	}
	var got string
	for range 4 {
		got += turn()
	}
	r.Remove("a") // it is b's turn, also without a
	got += turn()
	r.Add("d")
	got += turn() + turn() + turn()
	if want := "abca" + "b" + "cdb"; got != want {
		t.Errorf("the turns are %s, want %s", got, want)
	}
	if r.Remove("a") || !r.Remove("b") || !r.Remove("c") || !r.Remove("d") || len(r.members) != 0 {
		t.Errorf("left: %v", r.members)
	}
}

// TestWindow has a window do what a random program says, beside a list that says of
// each message where it is: the same are wanted, all up to Cursor are done and the
// next one is not, and each message that waits is looked for.
func TestWindow(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		const messages, members = 60, 3
		w := NewWindow[int](0, nil, nil)
		at := map[uint64]Hold[int]{} // done ones are not in it
		for seq := uint64(1); seq <= messages; seq++ {
			at[seq] = Hold[int]{}
		}
		next := w.Begin()
		room := map[int]bool{} // members that have room for what is with them
		for range 400 {
			seq := uint64(r.IntN(messages) + 1)
			m := r.IntN(members) + 1
			switch r.IntN(9) {
			case 0, 1, 2: // the next message is offered, and taken, kept or dropped
				if w.Rewound() || next >= messages {
					next = w.Begin()
				}
				if next++; next > messages {
					continue
				}
				h, wanted := w.Wanted(next)
				if is, open := at[next]; wanted != (open && !is.Sent && is.QoS != 2) || wanted && h != is {
					t.Fatalf("seed %d: message %d: %+v, wanted %v; it is %+v, open %v", seed, next, h, wanted, is, open)
				}
				if wanted && (h.QoS != 2 || h.Member == 0) {
					switch r.IntN(4) {
					case 0:
						w.Keep(next, nil)
					case 1:
						w.Done(next)
						delete(at, next)
					default:
						h = Hold[int]{m, byte(1 + r.IntN(2)), true}
						w.Give(next, m, h.QoS)
						at[next] = h
					}
				}
				w.Passed(next)
			case 3, 4:
				if h, open := at[seq]; open && h.Sent {
					w.Done(seq)
					delete(at, seq)
				}
			case 5:
				w.Left(m)
				room[m] = false
				for seq, h := range at {
					if h.Member == m {
						h.Sent = false
						at[seq] = h
					}
				}
			case 6:
				w.Ended(m)
				room[m] = false
				for seq, h := range at {
					switch {
					case h.Member == m && h.QoS == 2:
						delete(at, seq)
					case h.Member == m:
						at[seq] = Hold[int]{}
					}
				}
			case 7:
				// A restart: what was kept in memory is gone.
				if r.IntN(10) == 0 {
					w = NewWindow[int](w.Read(), w.Open(func(Hold[int]) bool { return false }), w.Beyond())
					for seq, h := range at {
						at[seq] = Hold[int]{}
						if h.QoS == 2 && !w.Restore(seq, h.Member) {
							t.Fatalf("seed %d: message %d is not restored", seed, seq)
						} else if h.QoS == 2 {
							at[seq] = Hold[int]{Member: h.Member, QoS: 2}
						}
					}
					next = w.Begin()
					clear(room)
				}
			case 8:
				if r.IntN(2) == 0 {
					w.Room(m)
					room[m] = true
					break
				}
				w.Full(m)
				room[m] = false
			}
			checkNext(t, seed, w, at, room, r.IntN(4))
			checkWindow(t, seed, w, at, r.IntN(3) == 0)
		}
	}
}

// checkNext holds Next beside the list: it returns the first message that is with a
// member that has room for it, which is then sent, or refused.
func checkNext(t *testing.T, seed uint64, w *Window[int], at map[uint64]Hold[int], room map[int]bool, then int) {
	t.Helper()
	var want uint64
	for seq, h := range at {
		if h.Member != 0 && !h.Sent && room[h.Member] && (want == 0 || seq < want) {
			want = seq
		}
	}
	seq, m, ok := w.Next()
	if ok != (want > 0) || seq != want || ok && m != at[seq].Member {
		t.Fatalf("seed %d: next is %d for %d, %v; want %d", seed, seq, m, ok, want)
	}
	switch {
	case !ok:
	case then == 0:
		h := at[seq]
		h.Sent = true
		w.Give(seq, m, h.QoS)
		at[seq] = h
	case then == 1:
		if w.Unfit(seq, m); at[seq].QoS == 1 {
			at[seq] = Hold[int]{}
			break
		}
		delete(at, seq)
	}
}

func checkWindow(t *testing.T, seed uint64, w *Window[int], at map[uint64]Hold[int], again bool) {
	t.Helper()
	var open, waiting []uint64
	for seq, h := range at {
		if seq <= w.Read() {
			open = append(open, seq)
			if !h.Sent && h.QoS != 2 {
				waiting = append(waiting, seq)
			}
		}
	}
	slices.Sort(open)
	want := w.Read()
	if len(open) > 0 {
		want = open[0] - 1
	}
	if w.Cursor() != want {
		t.Fatalf("seed %d: the cursor is at %d, want %d", seed, w.Cursor(), want)
	}
	if got := w.Open(func(Hold[int]) bool { return false }); !slices.Equal(got, open) {
		t.Fatalf("seed %d: open are %v, want %v", seed, got, open)
	}
	if !again {
		return
	}
	if w.Again(); len(waiting) > 0 && w.at >= slices.Min(waiting) {
		t.Fatalf("seed %d: %d waits, and is looked for after %d", seed, slices.Min(waiting), w.at)
	}
}

// TestWindowGiven has the window be written between Give and Passed: after a restart
// the message is none that was never looked at.
func TestWindowGiven(t *testing.T) {
	w := NewWindow[int](0, nil, nil)
	w.Give(1, 1, 2)
	none := func(Hold[int]) bool { return false }
	if _, wanted := NewWindow[int](w.Read(), w.Open(func(h Hold[int]) bool { return h.Member == 1 }), w.Beyond()).Wanted(1); wanted {
		t.Error("another member would be sent it, too")
	}
	if _, wanted := NewWindow[int](w.Read(), w.Open(none), w.Beyond()).Wanted(1); !wanted {
		t.Error("it is lost")
	}
	w.Done(1) // its acknowledgement may be faster than Passed
	if _, wanted := NewWindow[int](w.Read(), w.Open(none), w.Beyond()).Wanted(1); wanted {
		t.Error("it would be sent again")
	}
}

// TestWindowIsSmall has one message stay while many others are done.
func TestWindowIsSmall(t *testing.T) {
	w := NewWindow[int](0, nil, nil)
	for seq := uint64(1); seq <= 100_000; seq++ {
		w.Give(seq, 1, 1)
		w.Passed(seq)
		if seq > 1 {
			w.Done(seq)
		}
	}
	if len(w.order) > 200 || len(w.open) != 1 || w.Cursor() != 0 {
		t.Errorf("%d are remembered, %d open, the cursor is at %d", len(w.order), len(w.open), w.Cursor())
	}
}

// TestWindowKept keeps messages for a member that has no room: it gets them in order
// when it has, also if others get some before, and the oldest can be dropped.
func TestWindowKept(t *testing.T) {
	w := NewWindow[int](0, nil, nil)
	for seq := uint64(1); seq <= 5; seq++ {
		w.Keep(seq, []int{1})
		w.Passed(seq)
	}
	if _, _, ok := w.Next(); ok || w.Free() != 5 {
		t.Errorf("a message is for one without room; %d are free", w.Free())
	}
	w.DropOldest()
	w.Give(2, 2, 1)
	w.Room(1)
	if seq, m, ok := w.Next(); seq != 3 || m != 1 || !ok || !w.Rewound() {
		t.Errorf("next is %d for %d, %v", seq, m, ok)
	}
	w.Unfit(3, 1)
	if seq, _, _ := w.Next(); seq != 4 || w.Free() != 3 || w.Cursor() != 1 {
		t.Errorf("next is %d, %d are free, the cursor is at %d", seq, w.Free(), w.Cursor())
	}
	if from := w.DropHeld(func(int) bool { return false }); len(from) != 1 || from[0] != 2 || w.Cursor() != 2 {
		t.Errorf("dropped from %v, the cursor is at %d", from, w.Cursor())
	}
}
