package tui

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
	"unicode/utf8"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/lipgloss"

	"hellox/history"
	"hellox/tui/bgcolor"
	"hellox/tui/source"
	"hellox/tui/theme"
	"hellox/tui/wholeframe"
)

// Options configure Run.
type Options struct {
	Store  history.Store
	Title  string         // what is watched: "kind-hellox · hellox"
	Since  time.Time      // show no message received before it; zero: no bound
	Select history.Select // shown at first
	Client source.Client  // to publish and tell with; nil: neither is possible
	Memory int64          // bytes of messages held; 0: 256 MiB
	In     io.Reader      // a terminal
	Out    io.Writer      // a terminal
	Now    func() time.Time
	// StreamNow is the time of the stream, by which ages are shown: of a recording that
	// of its end. nil: Now.
	StreamNow func() time.Time
	Recorder  *source.Recorder // nil: nothing can be recorded
	Recorded  bool             // Store is that of a recording
	Filters   source.Filters   // those with names; nil: none can be kept
	Scale     source.Scale     // sets the number of broadcasters; nil: that is not possible
	Editor    string           // of payloads, as the shell takes it; "": there is none
	// HoldInterrupts leaves Ctrl-C to the editor, until released; nil: it needs not be.
	HoldInterrupts func() (release func())
	Tmux           bool   // Out is a terminal that tmux shows
	Page           string // the address of the page that shows the same stream; "": there is none

	Background string // of the terminal: bgcolor.Light or Dark; "": it is asked
}

// DefaultMemory is the number of bytes of messages held by default.
const DefaultMemory = 256 << 20

// Run shows the stream on a terminal. It returns nil when the user quits, the
// error of ctx when that ends, and context.Canceled after ctrl+c. The terminal
// is then as it was before, also after a panic.
func Run(ctx context.Context, o Options) error {
	if o.Memory <= 0 {
		o.Memory = DefaultMemory
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.StreamNow == nil {
		o.StreamNow = o.Now
	}
	in, dark, typed := o.openTerminal()
	r := lipgloss.NewRenderer(o.Out)
	r.SetHasDarkBackground(dark)

	work, cancel := context.WithCancel(ctx)
	src := source.New(work, o.Store, o.Client).WithRecorder(o.Recorder).WithFilters(o.Filters).WithScale(o.Scale)
	defer src.Wait()
	defer cancel()

	// The title is set later: the terminal saves the one it has.
	_, _ = io.WriteString(o.Out, "\x1b[22;2t")
	defer func() { _, _ = io.WriteString(o.Out, "\x1b[23;2t") }()

	program := tea.NewProgram(newModel(src, theme.New(r), o),
		tea.WithContext(ctx), tea.WithInput(in), tea.WithOutput(wholeframe.Output(o.Out)),
		// A key waits for its frame half as long as the stream does.
		tea.WithAltScreen(), tea.WithMouseCellMotion(), tea.WithFPS(60),
		// Signals end ctx: the caller listens for them.
		tea.WithoutSignalHandler(),
	)
	var sending sync.WaitGroup
	sending.Go(func() {
		for _, key := range typed {
			program.Send(key)
		}
	})
	last, err := program.Run()
	sending.Wait()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, tea.ErrInterrupted):
		return context.Canceled
	case err != nil:
		return fmt.Errorf("show the stream: %w", err)
	}
	return last.(model).left
}

// editor returns the user's editor, or nil.
func (o *Options) editor() *source.Editor {
	in, isFile := o.In.(*os.File)
	out, isTerminal := o.Out.(*os.File)
	if !isFile || !isTerminal || o.Editor == "" {
		return nil
	}
	return &source.Editor{Command: o.Editor, In: in, Out: out, Hold: o.HoldInterrupts}
}

// openTerminal returns the input to read from, whether the terminal's background
// is dark, and the keys that were typed while the terminal was asked for that.
func (o *Options) openTerminal() (in io.Reader, dark bool, typed []tea.KeyMsg) {
	input, isFile := o.In.(*os.File)
	out, isTerminal := o.Out.(*os.File)
	if !isFile || !isTerminal || o.Background != "" {
		return o.In, bgcolor.Known(o.Background), nil
	}
	answer := bgcolor.Ask(input, out)
	if !answer.Known {
		return bgcolor.LateAnswer(input), bgcolor.Known(""), keysOf(answer.Typed)
	}
	return o.In, answer.Dark, keysOf(answer.Typed)
}

// keysOf returns the keys of what was typed before Bubble Tea read it. Keys that
// are sequences of bytes, such as arrows, are left out.
func keysOf(typed []byte) []tea.KeyMsg {
	var all []tea.KeyMsg
	for len(typed) > 0 {
		r, n := utf8.DecodeRune(typed)
		typed = typed[n:]
		switch {
		case r == '\x1b':
			if len(typed) > 0 { // a sequence, or Alt with a key
				return all
			}
			all = append(all, tea.KeyMsg{Type: tea.KeyEsc})
		case r < ' ' || r == 0x7f:
			all = append(all, tea.KeyMsg{Type: tea.KeyType(r)})
		case r == ' ':
			all = append(all, tea.KeyMsg{Type: tea.KeySpace, Runes: []rune{r}})
		case r != utf8.RuneError:
			all = append(all, tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune{r}})
		}
	}
	return all
}
