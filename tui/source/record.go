package source

import (
	"context"
	"fmt"
	"sync"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"hellox/history"
	"hellox/history/file"
	"hellox/tui/units"
)

// A Recorder records the stream while the screen shows it: what the command line
// selected, whatever is filtered on the screen.
type Recorder struct {
	Open   func() (*file.Writer, error) // begins a recording; nil: none can be made
	Begun  *file.Writer                 // one that is to begin with the screen, or nil
	Since  time.Time                    // where in the history Begun begins; zero: with what comes
	Select history.Select

	mu     sync.Mutex
	writer *file.Writer // nil: it does not record
	opened bool         // one was begun
	stop   context.CancelFunc
	ended  chan struct{} // closed when the goroutine has ended
}

// A RecordOpenedMsg is a recording that is to begin, or why none can.
type RecordOpenedMsg struct {
	Writer *file.Writer
	After  int64 // begin after this ID
	Err    error
}

// A RecordEndedMsg is a recording that was ended.
type RecordEndedMsg struct{ Status file.Status }

// CanRecord reports whether a recording can be made.
func (s *Source) CanRecord() bool { return s.recorder != nil && s.recorder.Open != nil }

// WithRecorder makes s record by r.
func (s *Source) WithRecorder(r *Recorder) *Source {
	s.recorder = r
	return s
}

// Recording returns how the recording stands, if there is one.
func (s *Source) Recording() (st file.Status, on bool) {
	r := s.recorder
	if r == nil {
		return st, false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.writer == nil {
		return st, false
	}
	return r.writer.Status(), true
}

// OpenRecording replies with the RecordOpenedMsg of the recording that the command line
// asked for. It is nil if it asked for none.
func (s *Source) OpenRecording() tea.Cmd {
	r := s.recorder
	if r == nil || r.Begun == nil {
		return nil
	}
	return func() tea.Msg {
		after, err := history.Before(s.ctx, s.store, r.Since)
		if err != nil {
			err = fmt.Errorf("record: %w", err)
		}
		return RecordOpenedMsg{r.Begun, after, err}
	}
}

// ToggleRecording replies with the RecordOpenedMsg of another recording, or ends the
// one there is and replies with a RecordEndedMsg.
func (s *Source) ToggleRecording() tea.Cmd {
	return func() tea.Msg {
		if w := s.recorder.end(); w != nil {
			return RecordEndedMsg{w.Status()}
		}
		w, err := s.recorder.Open()
		return RecordOpenedMsg{w, history.Now, err}
	}
}

// Record writes to the recording that was opened, in a goroutine.
func (s *Source) Record(opened RecordOpenedMsg) { s.recorder.begin(s, opened.Writer, opened.After) }

// RecordedText says how much was recorded, and where.
func RecordedText(st file.Status) string {
	return fmt.Sprintf("%s, %s in %s", units.Plural(st.Messages, "message"), units.Bytes(st.Bytes), st.Path)
}

// Last returns the recording that has not been ended by a key, or nil.
func (r *Recorder) Last() *file.Writer {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.writer == nil && !r.opened {
		return r.Begun
	}
	return r.writer
}

// begin records in a goroutine what follows an ID.
func (r *Recorder) begin(s *Source, w *file.Writer, after int64) {
	ctx, stop := context.WithCancel(s.ctx)
	ended := make(chan struct{})
	r.mu.Lock()
	r.writer, r.stop, r.ended, r.opened = w, stop, ended, true
	r.mu.Unlock()
	follower := s.store.Follow(history.Follow{After: after, Select: r.Select})
	s.running.Go(func() {
		defer close(ended)
		defer func() { _ = w.Close() }() // Status tells its error
		defer func() { _ = follower.Close() }()
		for {
			events, err := follower.Next(ctx)
			if err == nil {
				err = w.Write(events)
			}
			if err != nil {
				return
			}
		}
	})
}

// end ends the recording and returns it, or nil if there is none.
func (r *Recorder) end() *file.Writer {
	r.mu.Lock()
	w, stop, ended := r.writer, r.stop, r.ended
	r.writer = nil
	r.mu.Unlock()
	if w != nil {
		stop()
		<-ended
	}
	return w
}
