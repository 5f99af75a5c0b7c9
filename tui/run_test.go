package tui

import (
	"bytes"
	"context"
	"errors"
	"io"
	"regexp"
	"strings"
	"sync"
	"testing"

	tea "github.com/charmbracelet/bubbletea"

	"hellox/history"
	memorystore "hellox/history/memory"
	"hellox/stream"
	"hellox/tui/tuitest"
)

// terminal records what is written to it, and signals the first frame.
type terminal struct {
	mu    sync.Mutex
	bytes bytes.Buffer
	begun chan struct{}
	once  sync.Once
}

func newTerminal() *terminal { return &terminal{begun: make(chan struct{})} }

func (t *terminal) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if bytes.Contains(b, []byte("\x1b[?1049h")) { // the alternate screen
		t.once.Do(func() { close(t.begun) })
	}
	return t.bytes.Write(b)
}

func (t *terminal) written() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.bytes.String()
}

// panicky is a store that panics when it is read.
type panicky struct{ history.Store }

func (panicky) Messages(context.Context, history.Query) (history.Page, error) { panic("a bug") }

// TestTheTerminalIsAsItWas ends Run in each way there is and looks for a mode
// that was set and not reset.
func TestTheTerminalIsAsItWas(t *testing.T) {
	live := memorystore.New(0)
	defer live.Close()
	arrival := stream.Arrival{Topic: "hello_world/publish", Payload: []byte("Hello"), Received: tuitest.At, Ack: func() {}}
	if err := live.Append(t.Context(), []stream.Arrival{arrival}); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name  string
		store history.Store
		keys  string // typed once the screen is there
		err   error
	}{
		{"quit", live, "q", nil},
		{"ctrl+c", live, "\x03", context.Canceled},
		{"the context ends", live, "", context.Canceled},
		{"a panic", panicky{live}, "", tea.ErrProgramPanic},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			out := newTerminal()
			in, keys := io.Pipe()
			defer keys.Close()
			ended := make(chan error, 1)
			go func() { ended <- Run(ctx, Options{Store: test.store, In: in, Out: out}) }()
			<-out.begun
			if test.keys != "" {
				if _, err := io.WriteString(keys, test.keys); err != nil {
					t.Fatal(err)
				}
			} else if errors.Is(test.err, context.Canceled) {
				cancel()
			}
			if err := <-ended; !errors.Is(err, test.err) {
				t.Errorf("Run returned %v, want %v", err, test.err)
			}
			restored(t, out.written())
		})
	}
}

var modes = regexp.MustCompile("\x1b\\[\\?([0-9]+)([hl])")

// restored fails unless every mode that was set is reset, the cursor is shown
// and the title is taken back.
func restored(t *testing.T, written string) {
	t.Helper()
	set := map[string]string{}
	for _, m := range modes.FindAllStringSubmatch(written, -1) {
		set[m[1]] = m[2]
	}
	if set["7"] == "" || !strings.Contains(written, "\x1b[?1049h\x1b[?7l") {
		t.Errorf("long lines wrap in the alternate screen: %q", written)
	}
	if len(set) < 5 {
		t.Errorf("only the modes %v were set: %q", set, written)
	}
	for mode, state := range set {
		want := "l"
		if mode == "25" || mode == "7" { // the cursor, wrapping
			want = "h"
		}
		if state != want {
			t.Errorf("mode %s is left as %q", mode, state)
		}
	}
	begin, end := strings.Index(written, "\x1b[22;2t"), strings.LastIndex(written, "\x1b[23;2t")
	if title := strings.Index(written, "\x1b]"); begin < 0 || end < begin || title >= 0 && (title < begin || title > end) {
		t.Errorf("the title is not kept: %q", written)
	}
	for _, title := range regexp.MustCompile("\x1b\\]([^\x07\x1b]*)").FindAllStringSubmatch(written, -1) {
		if title[1] != "2;hellox" && title[1] != "0;hellox" {
			t.Errorf("the terminal is told %q", title[1])
		}
	}
}
